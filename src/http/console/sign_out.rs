//! Signs out.

use actix_web::HttpRequest;
use actix_web::http::header::SET_COOKIE;

use super::cookies::{Cookie, forget_start};
use super::page::{PageResult, see_other};
use super::signed_in::SignedIn;
use super::visitor::PostedForm;
use crate::http::state::State;

/// Ends the session.
pub async fn sign_out(
    PostedForm { by: signed_in, .. }: PostedForm<SignedIn>,
    request: HttpRequest,
    state: State,
) -> PageResult {
    signed_in.sign_out(&state).await?;
    let mut answer = see_other("/console/sign-in");
    answer.headers_mut().append(SET_COOKIE, Cookie::Session.forget(&request, &state));
    answer.headers_mut().append(SET_COOKIE, forget_start(&request, &state));
    Ok(answer)
}
