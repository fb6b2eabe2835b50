//! A user's tokens: create, regenerate, revoke.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

use super::form::{Form, FormFaults};
use super::page::{PageResult, Refusal, html};
use super::signed_in::SignedIn;
use super::token_form::TokenForm;
use super::user::to_user_page;
use super::user_tokens;
use super::visitor::PostedForm;
use super::widgets::{SecretPage, user_link};
use crate::domain::token::Token;
use crate::http::admin::grace;
use crate::http::extract::TokenId;
use crate::http::state::State;
use crate::service::{NamedToken, RegenerateOptions};

/// Creates a named token and shows its key.
pub async fn create(
    PostedForm { by: signed_in, form }: PostedForm<SignedIn>,
    request: HttpRequest,
    username: web::Path<String>,
    state: State,
) -> PageResult {
    let wanted = TokenForm::of(&form);
    let target = signed_in.user_to_change(&state, &username, form.get(Form::USER)).await?;
    let made = async {
        let named =
            NamedToken { name: wanted.name.clone(), scope: wanted.scope.clone(), expires_in: wanted.lifetime()? };
        state.service.tokens.create_named_token(&target, named).await
    };
    match signed_in.run_once(&request, &form, &state, made).await? {
        Ok(created) => Ok(key_page(&signed_in, &username, &created.key, format!("The key of {}", wanted.name))),
        Err(error) => {
            let faults = FormFaults::of(error)?;
            user_tokens::page(&request, &state, &signed_in, &username, &wanted, &faults).await
        }
    }
}

/// Replaces the login tokens by a new one and shows its key.
pub async fn regenerate(
    PostedForm { by: signed_in, form }: PostedForm<SignedIn>,
    request: HttpRequest,
    username: web::Path<String>,
    state: State,
) -> PageResult {
    let options = RegenerateOptions { grace: grace_of(&form)?, all: form.is_checked("all") };
    let target = signed_in.user_to_change(&state, &username, form.get(Form::USER)).await?;
    let made = state.service.tokens.regenerate(&target, options);
    let login = signed_in.run_once(&request, &form, &state, made).await??;
    Ok(key_page(&signed_in, &username, &login.token, "The new login key".into()))
}

/// How long the replaced token or secret stays valid.
pub fn grace_of(form: &Form) -> Result<Option<Duration>, Refusal> {
    grace::parse(form.get("grace")).map_err(|fault| Refusal::Page(StatusCode::BAD_REQUEST, fault.into()))
}

/// Revokes a token of this user.
pub async fn revoke(
    PostedForm { by: signed_in, form }: PostedForm<SignedIn>,
    path: web::Path<(String, String)>,
    state: State,
) -> PageResult {
    let (username, id) = path.into_inner();
    signed_in.user_to_change(&state, &username, form.get(Form::USER)).await?;
    state.service.tokens.revoke_token(TokenId::parse(&id)?.0, Some(&username), &signed_in.caller).await?;
    to_user_page(&state, &signed_in, &username, "The token is revoked.").await
}

/// The answer to the form itself shows the key: there is no URL that shows it again.
fn key_page(signed_in: &SignedIn, username: &str, token: &Token, heading: String) -> actix_web::HttpResponse {
    let page = SecretPage {
        frame: signed_in.frame(&heading, "users"),
        heading,
        sentence: format!("For {username}. It is shown only once: copy it now."),
        label: "Key",
        secret: token.expose().to_owned(),
        back: user_link(username),
        back_to: username.to_owned(),
    };
    html(StatusCode::OK, &page)
}
