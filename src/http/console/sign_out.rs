//! Signs out.

use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpRequest, web};

use super::cookies::Cookie;
use super::page::{PageResult, see_other};
use super::signed_in::posted_form;
use crate::http::state::AppState;

/// Ends the session.
pub async fn sign_out(request: HttpRequest, payload: web::Payload, state: web::Data<AppState>) -> PageResult {
    let (signed_in, _) = posted_form(&request, payload, &state).await?;
    signed_in.sign_out(&state).await?;
    let mut answer = see_other("/console/sign-in");
    answer.headers_mut().append(SET_COOKIE, Cookie::Session.forget(&request, &state));
    Ok(answer)
}
