//! The page of one token: its facts, and its end, which can be moved.

use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;

use super::form::FormFaults;
use super::frame::Frame;
use super::page::{PageResult, Refusal, html, see_other};
use super::signed_in::SignedIn;
use super::token_form::{FoundRow, lifetime};
use super::visitor::PostedForm;
use super::widgets::{Field, token_link};
use crate::http::extract::TokenId;
use crate::http::state::{AppState, State};
use crate::service::{EndTime, Error, NewEnd};

#[derive(Template)]
#[template(path = "console/token.html")]
struct TokenPage {
    frame: Frame,
    form_token: String,
    row: FoundRow,
    may_change: bool,
    /// Whether each use of the token moves its expiry.
    is_extended_by_use: bool,
    expires_in: Field,
    grace: Field,
}

/// The page.
pub async fn show(signed_in: SignedIn, path: web::Path<(String, String)>, state: State) -> PageResult {
    page(&state, &signed_in, &path, "", &FormFaults::default()).await
}

async fn page(
    state: &AppState,
    signed_in: &SignedIn,
    (username, id): &(String, String),
    wanted: &str,
    faults: &FormFaults,
) -> PageResult {
    let (service, caller) = (&state.service, &signed_in.caller);
    let found = service.tokens.token(TokenId::parse(id)?.0, Some(username), caller).await?;
    let user = service.accounts.user(username, caller).await?;
    let hint = "From now, such as 12h or 90d";
    let page = TokenPage {
        frame: signed_in.frame(&format!("Token {id}"), "users"),
        form_token: signed_in.form_token(),
        is_extended_by_use: found.token.name.is_none() && service.policy.token_auto_refresh,
        row: FoundRow::of(found, service.clock.now()),
        may_change: caller.require_power_over(&user).is_ok(),
        expires_in: Field::text("expires_in", "Expires in", wanted).hint(hint).with(faults),
        grace: Field::text("grace", "Grace period ends in", wanted).hint(hint).with(faults),
    };
    Ok(html(if faults.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST }, &page))
}

/// Moves the end of a token.
pub async fn update(
    PostedForm { by: signed_in, form }: PostedForm<SignedIn>,
    path: web::Path<(String, String)>,
    state: State,
) -> PageResult {
    let (username, id) = &*path;
    let token_id = TokenId::parse(id)?.0;
    // Checked first, as for every other form about a user.
    signed_in.user_to_change(&state, username).await?;
    let (field, text) = match form.get("to") {
        "grace" => ("grace", form.text("grace")),
        _ => ("expires_in", form.text("expires_in")),
    };
    let span =
        || if text.is_empty() { Err(Error::invalid("expires_in", "This field is required.")) } else { lifetime(&text) };
    let span = || span().map(EndTime::In);
    let end = match form.get("to") {
        "expiry" => span().map(|span| NewEnd::Expiry(Some(span))),
        "never" => Ok(NewEnd::Expiry(None)),
        "grace" => span().map(NewEnd::Grace),
        _ => return Err(Refusal::Page(StatusCode::BAD_REQUEST, "The form does not say what to do.".into())),
    };
    let end = match end {
        Ok(end) => end,
        Err(error) => {
            let faults = FormFaults::of(error)?.moved("expires_in", field);
            return page(&state, &signed_in, &path, &text, &faults).await;
        }
    };
    state.service.tokens.update_token(token_id, Some(username), end, &signed_in.caller).await?;
    signed_in.notify(&state, "The end of the token is moved.").await;
    Ok(see_other(&token_link(username, token_id)))
}
