//! Signs out.

use actix_web::HttpRequest;
use actix_web::http::header::SET_COOKIE;

use super::signed_in::{SIGN_IN, SignedIn};
use crate::http::console::cookies::Cookie;
use crate::http::console::page::{PageResult, see_other};
use crate::http::console::visitor::PostedForm;
use crate::http::state::State;

/// Ends the session.
pub async fn sign_out(
    PostedForm { by: signed_in, .. }: PostedForm<SignedIn>,
    request: HttpRequest,
    state: State,
) -> PageResult {
    signed_in.sign_out(&state).await?;
    let mut answer = see_other(SIGN_IN);
    answer.headers_mut().append(SET_COOKIE, Cookie::AccountSession.forget(&request, &state));
    Ok(answer)
}
