//! Tokens of all users that somebody should look at: those that end soon, and those that nobody uses.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;

use super::listing::{Listing, Pager};
use super::page::{Frame, PageResult, html};
use super::signed_in::SignedIn;
use super::token_form::TokenRow;
use super::widgets::{token_link, user_link};
use crate::http::state::State;

const DAY: Duration = Duration::from_hours(24);

/// The lists: the name in the URL, the words, and whether it is about tokens that end.
const LISTS: [(&str, &str, bool, u32); 3] = [
    ("week", "end within 7 days", true, 7),
    ("month", "end within 30 days", true, 30),
    ("unused", "not used for 90 days", false, 90),
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
    let (_, _, is_expiring, days) = LISTS[shown];
    let (tokens, caller) = (&state.service.tokens, &signed_in.caller);
    let page = if is_expiring {
        tokens.list_expiring_tokens(DAY * days, listing.page, MAX_LISTED, caller).await?
    } else {
        tokens.list_unused_tokens(DAY * days, listing.page, MAX_LISTED, caller).await?
    };
    let lists = LISTS.iter().enumerate().map(|(at, (name, words, ..))| List {
        link: format!("/console/tokens?show={name}"),
        words,
        is_shown: at == shown,
    });
    let page = TokensPage {
        frame: signed_in.frame("Tokens", "overview"),
        lists: lists.collect(),
        pager: if page.count > MAX_LISTED.into() {
            listing.pager_up_to(MAX_LISTED, page.results.len())?
        } else {
            listing.pager(page.count)?
        },
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
