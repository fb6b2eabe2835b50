//! Checks a key: whether it is accepted, and if not why, since when and by whom.

use actix_web::http::StatusCode;
use askama::Template;
use percent_encoding::utf8_percent_encode;

use super::audit::link_of_target;
use super::frame::Frame;
use super::page::{PageResult, html};
use super::signed_in::SignedIn;
use super::token_form::TokenRow;
use super::visitor::PostedForm;
use super::widgets::{Field, Moment, user_link};
use crate::domain::token::{TokenSearch, copied_key};
use crate::http::drf::pagination::QUOTED;
use crate::http::state::State;
use crate::service::{Error, Explanation, Reason};

/// How long a text may be that is taken for an id, or for the first characters of a key.
const MAX_ID_DIGITS: usize = 12;
const MAX_START: usize = 8;

#[derive(Template)]
#[template(path = "console/explain.html")]
struct ExplainPage {
    frame: Frame,
    form_token: String,
    field: Field,
    verdict: Option<Verdict>,
    /// The search, if the text is no key but a token may be found by it.
    search_link: Option<String>,
}

/// What the page says about a key.
struct Verdict {
    is_good: bool,
    /// Whether it has ended, so that its expiry says nothing more.
    has_ended: bool,
    heading: &'static str,
    sentence: &'static str,
    at: Option<Moment>,
    by: Option<String>,
    owner: Option<Owner>,
    token: Option<TokenRow>,
}

/// The token's user, and what the reader may do.
struct Owner {
    username: String,
    link: String,
    audit_link: String,
    may_change: bool,
    /// Whether the user is inactive, which is why the token is not accepted.
    is_inactive: bool,
}

/// The empty form.
pub async fn show(signed_in: SignedIn) -> PageResult {
    Ok(page(&signed_in, None, None))
}

/// The verdict about the key in the form. The key is neither shown nor kept.
pub async fn explain(PostedForm { by: signed_in, form }: PostedForm<SignedIn>, state: State) -> PageResult {
    let explanation = state.service.tokens.explain(copied_key(form.get("key")), &signed_in.caller).await?;
    let owner = match &explanation.username {
        Some(username) => owner(username, &explanation, &signed_in, &state).await?,
        None => None,
    };
    let is_no_key = matches!(explanation.reason, Some(Reason::Malformed | Reason::Unknown));
    let link = if is_no_key { search_link(form.get("key").trim()) } else { None };
    Ok(page(&signed_in, Some(verdict(explanation, owner)), link))
}

/// The search for a token by its id or by the first characters of its key. A longer text may be a key, which belongs into
/// no URL.
fn search_link(text: &str) -> Option<String> {
    let search = TokenSearch::of(text);
    let is_start = search.key_start.is_some() && text.chars().count() <= MAX_START;
    (search.id.is_some() && text.len() <= MAX_ID_DIGITS || is_start)
        .then(|| format!("/console/users?search={}", utf8_percent_encode(text, QUOTED)))
}

fn page(signed_in: &SignedIn, verdict: Option<Verdict>, search_link: Option<String>) -> actix_web::HttpResponse {
    let page = ExplainPage {
        frame: signed_in.frame("Check a token", "explain"),
        form_token: signed_in.form_token(),
        field: key_field().autofocus(),
        verdict,
        search_link,
    };
    html(StatusCode::OK, &page)
}

/// The field for the key. Browsers neither show nor keep what is typed into a password's field.
pub fn key_field() -> Field {
    Field::of_key("key", "Key").required().hint("As it was sent: with or without Token or Bearer before it")
}

async fn owner(
    username: &str,
    explanation: &Explanation,
    signed_in: &SignedIn,
    state: &State,
) -> Result<Option<Owner>, Error> {
    let user = match state.service.accounts.user(username, &signed_in.caller).await {
        // Deleted since.
        Err(Error::NotFound) => return Ok(None),
        other => other?,
    };
    Ok(Some(Owner {
        username: username.to_owned(),
        link: user_link(username),
        audit_link: link_of_target(username),
        may_change: signed_in.caller.require_power_over(&user).is_ok(),
        is_inactive: explanation.reason == Some(Reason::UserInactive),
    }))
}

fn verdict(explanation: Explanation, owner: Option<Owner>) -> Verdict {
    let (heading, sentence) = words(explanation.reason);
    Verdict {
        is_good: explanation.active,
        has_ended: matches!(explanation.reason, Some(Reason::Revoked | Reason::Expired)),
        heading,
        sentence,
        at: explanation.at.map(Moment),
        by: explanation.by,
        owner,
        token: explanation.token.map(|token| TokenRow::of(token.0)),
    }
}

/// The heading, and what it means for whoever sent the key.
fn words(reason: Option<Reason>) -> (&'static str, &'static str) {
    match reason {
        None => (
            "Accepted",
            "The token is active. If a service refuses it, the service wants a scope or a group that it lacks.",
        ),
        Some(Reason::Malformed) => {
            ("Not a key", "No key looks like this: a part of it is missing or changed, or it is something else.")
        }
        Some(Reason::Unknown) => (
            "Unknown",
            "There is no such token: it was never made here, or it ended so long ago that its row has been deleted.",
        ),
        Some(Reason::Expired) => ("Expired", "Its time is over. A login or a new token gives another key."),
        Some(Reason::Revoked) => ("Revoked", "It was ended by hand or by a new key, and does not come back."),
        Some(Reason::UserInactive) => {
            ("User inactive", "The token itself is good. It is accepted again when its user is active again.")
        }
    }
}
