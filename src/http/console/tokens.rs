//! A user's tokens: made, made anew, revoked.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

use super::form::{Form, FormFaults};
use super::page::{Answered, Refusal, html};
use super::parts::{SecretPage, user_link};
use super::token_form::Wanted;
use super::user::{Refused, back, page};
use super::visitor::{Visitor, posted};
use crate::domain::token::Token;
use crate::http::AppState;
use crate::http::admin::grace;
use crate::http::extract::TokenId;
use crate::service::{NamedToken, RegenerateOptions};

/// Makes a named token and shows its key.
pub async fn create(
    request: HttpRequest,
    username: web::Path<String>,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Answered {
    let (visitor, form) = posted(&request, payload, &state).await?;
    let wanted = Wanted::of(&form);
    let made = async {
        let named =
            NamedToken { name: wanted.name.clone(), scope: wanted.scope.clone(), expires_in: wanted.lifetime()? };
        state.service.tokens.create_named_token(&username, named, &visitor.caller).await
    };
    match visitor.once(&request, &form, &state, made).await? {
        Ok((token, _)) => Ok(shown(&visitor, &username, &token, format!("The key of {}", wanted.name))),
        Err(error) => {
            let faults = FormFaults::of(error)?;
            page(&request, &state, &visitor, &username, Refused::Token(wanted, faults)).await
        }
    }
}

/// Puts a new login token in place of the old ones and shows its key.
pub async fn regenerate(
    request: HttpRequest,
    username: web::Path<String>,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Answered {
    let (visitor, form) = posted(&request, payload, &state).await?;
    let options = RegenerateOptions { grace: grace_of(&form)?, all: form.ticked("all") };
    let made = state.service.tokens.regenerate(&username, options, &visitor.caller);
    let login = visitor.once(&request, &form, &state, made).await??;
    Ok(shown(&visitor, &username, &login.token, "The new login key".into()))
}

/// How much longer what a form replaces is to live.
pub fn grace_of(form: &Form) -> Result<Option<Duration>, Refusal> {
    grace::parse(form.get("grace")).map_err(|fault| Refusal::Page(StatusCode::BAD_REQUEST, fault.into()))
}

/// Revokes a token of this user's.
pub async fn revoke(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Answered {
    let (visitor, _) = posted(&request, payload, &state).await?;
    let (username, id) = path.into_inner();
    state.service.tokens.revoke_token(TokenId::parse(&id)?.0, Some(&username), &visitor.caller).await?;
    back(&state, &visitor, &username, "The token is revoked.").await
}

/// The answer of the form itself, and the only one: no address leads to a key.
fn shown(visitor: &Visitor, username: &str, token: &Token, heading: String) -> actix_web::HttpResponse {
    let page = SecretPage {
        frame: visitor.frame(&heading, "users"),
        heading,
        sentence: format!("For {username}. It is shown this once: copy it now."),
        label: "Key",
        secret: token.expose().to_owned(),
        back: user_link(username),
        back_to: username.to_owned(),
    };
    html(StatusCode::OK, &page)
}
