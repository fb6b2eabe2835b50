//! Tokens of all users that somebody should look at: those that end soon, and those that nobody uses.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;

use super::frame::Frame;
use super::listing::{Listing, Pager};
use super::page::{PageResult, html};
use super::signed_in::SignedIn;
use super::token_form::TokenRow;
use super::widgets::{Moment, number, token_link, user_link};
use crate::http::state::State;
use crate::store::MAX_LOOKED_AT;

const DAY: Duration = Duration::from_hours(24);

/// What a list is about.
#[derive(Clone, Copy)]
enum About {
    /// Tokens that end within so many days.
    Expiring(u32),
    /// Tokens that nobody has used for [`UNUSED`]; whether only named ones.
    Unused(bool),
}

/// The lists: the name in the URL, the words, and what it is about.
const LISTS: [(&str, &str, About); 4] = [
    ("week", "End within 7 days", About::Expiring(7)),
    ("month", "End within 30 days", About::Expiring(30)),
    ("unused", "Not used for 90 days", About::Unused(false)),
    ("named", "Named, not used for 90 days", About::Unused(true)),
];

/// How many tokens of a list are counted and have pages.
const MAX_LISTED: u32 = 1_000;

#[derive(Template)]
#[template(path = "console/tokens.html")]
struct TokensPage {
    frame: Frame,
    lists: Vec<List>,
    rows: Vec<Row>,
    pager: Pager,
    /// What was searched, if not all tokens were.
    searched: Option<Searched>,
}

/// Which part of the tokens was searched.
enum Searched {
    /// Those that end first; how many.
    EndingFirst(String),
    /// The oldest, how many of them, and those that were found when all were counted, if they were.
    Oldest(String, Option<Moment>),
}

struct List {
    link: String,
    words: &'static str,
    is_shown: bool,
}

struct Row {
    token: TokenRow,
    link: String,
    username: String,
    user_link: String,
}

/// The page.
pub async fn list(signed_in: SignedIn, request: HttpRequest, state: State) -> PageResult {
    let listing = Listing::of(&request)?;
    let shown = LISTS.iter().position(|(name, ..)| *name == listing.get("show")).unwrap_or(0);
    let about = LISTS[shown].2;
    let (tokens, caller) = (&state.service.tokens, &signed_in.caller);
    let looked_at = || number(MAX_LOOKED_AT.into());
    let (part, searched) = match about {
        About::Expiring(days) => {
            let part = tokens.list_expiring_tokens(DAY * days, listing.page, MAX_LISTED, caller).await?;
            (part, Searched::EndingFirst(looked_at()))
        }
        About::Unused(is_named) => {
            let found = state.service.node.counted_tokens();
            let counted_at = found.as_ref().map(|found| Moment(found.at));
            let part = tokens.list_unused_tokens(is_named, found, listing.page, MAX_LISTED, caller).await?;
            (part, Searched::Oldest(looked_at(), counted_at))
        }
    };
    let page = part.page;
    let lists = LISTS.iter().enumerate().map(|(at, (name, words, ..))| List {
        link: format!("/console/tokens?show={name}"),
        words,
        is_shown: at == shown,
    });
    let page = TokensPage {
        frame: signed_in.frame("Tokens", "overview"),
        lists: lists.collect(),
        // Of more than can be listed it does not matter.
        searched: (!part.is_whole && page.count <= MAX_LISTED.into()).then_some(searched),
        pager: listing.pager_up_to(&page, MAX_LISTED)?,
        rows: page
            .results
            .into_iter()
            .map(|listed| Row {
                link: token_link(&listed.username, listed.token.id),
                user_link: user_link(&listed.username),
                token: TokenRow::of(listed.token),
                username: listed.username,
            })
            .collect(),
    };
    Ok(html(StatusCode::OK, &page))
}
