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
use super::widgets::{token_link, user_link};
use crate::http::state::State;

const DAY: Duration = Duration::from_hours(24);

/// What a list is about.
#[derive(Clone, Copy)]
enum About {
    Expiring,
    Unused,
    NamedUnused,
}

/// The lists: the name in the URL, the words, what it is about, and of how many days.
const LISTS: [(&str, &str, About, u32); 4] = [
    ("week", "End within 7 days", About::Expiring, 7),
    ("month", "End within 30 days", About::Expiring, 30),
    ("unused", "Not used for 90 days", About::Unused, 90),
    ("named", "Named, not used for 90 days", About::NamedUnused, 90),
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
    let (_, _, about, days) = LISTS[shown];
    let (tokens, caller) = (&state.service.tokens, &signed_in.caller);
    let span = DAY * days;
    let page = match about {
        About::Expiring => tokens.list_expiring_tokens(span, listing.page, MAX_LISTED, caller).await?,
        About::Unused => tokens.list_unused_tokens(span, false, listing.page, MAX_LISTED, caller).await?,
        About::NamedUnused => tokens.list_unused_tokens(span, true, listing.page, MAX_LISTED, caller).await?,
    };
    let lists = LISTS.iter().enumerate().map(|(at, (name, words, ..))| List {
        link: format!("/console/tokens?show={name}"),
        words,
        is_shown: at == shown,
    });
    let page = TokensPage {
        frame: signed_in.frame("Tokens", "overview"),
        lists: lists.collect(),
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
