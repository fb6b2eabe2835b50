//! The way out.

use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpRequest, web};

use super::cookies::Cookie;
use super::page::{Answered, see_other};
use super::visitor::posted;
use crate::http::AppState;

/// Ends the session.
pub async fn sign_out(request: HttpRequest, payload: web::Payload, state: web::Data<AppState>) -> Answered {
    let (visitor, _) = posted(&request, payload, &state).await?;
    visitor.sign_out(&state).await?;
    let mut answer = see_other("/console/sign-in");
    answer.headers_mut().append(SET_COOKIE, Cookie::Session.forget(&request, &state));
    Ok(answer)
}
