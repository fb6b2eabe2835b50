//! A user's tokens: made, made anew, revoked.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

use super::form::{Form, FormFaults};
use super::page::{Answered, Refusal, html};
use super::parts::{Field, Moment, MomentOr, SecretPage, moment_or, user_link};
use super::user::{Refused, back, page};
use super::visitor::{Visitor, posted};
use crate::domain::duration;
use crate::domain::token::{Token, TokenFacts};
use crate::http::AppState;
use crate::http::admin::regenerate::parse_grace;
use crate::http::tokens::token_id;
use crate::service::{Error, NamedToken, RegenerateOptions};

/// A line of the list.
pub struct TokenRow {
    pub id: i64,
    pub name: String,
    pub is_named: bool,
    pub hint: String,
    pub scope: String,
    pub created: Moment,
    pub used: MomentOr,
    pub ends: MomentOr,
}

impl TokenRow {
    pub fn of(token: TokenFacts) -> Self {
        let ends = token.ends_at();
        Self {
            id: token.id,
            is_named: token.name.is_some(),
            name: token.name.unwrap_or_else(|| "Login token".into()),
            hint: token.hint,
            scope: token.scope,
            created: Moment(token.created_at),
            used: moment_or(token.last_used_at, "never"),
            ends: moment_or(ends, "never"),
        }
    }
}

/// The token that a form asks for.
#[derive(Default)]
pub struct Wanted {
    name: String,
    scope: String,
    expires_in: String,
}

impl Wanted {
    fn of(form: &Form) -> Self {
        Self { name: form.text("name"), scope: form.text("scope"), expires_in: form.text("expires_in") }
    }

    /// The form's fields.
    pub fn fields(&self, faults: &FormFaults) -> Vec<Field> {
        vec![
            Field::text("name", "Name", &self.name).required().hint("What it is for").with(faults),
            Field::text("scope", "Scope", &self.scope)
                .hint("Scopes, separated by blanks; may be empty. With jeton:admin it may do here what its user may")
                .with(faults),
            Field::text("expires_in", "Expires in", &self.expires_in)
                .hint("Such as 12h or 90d; empty: never")
                .with(faults),
        ]
    }

    fn lifetime(&self) -> Result<Option<Duration>, Error> {
        if self.expires_in.is_empty() {
            return Ok(None);
        }
        let span = duration::lifetime(&self.expires_in)
            .map_err(|_| Error::invalid("expires_in", "Enter whole seconds, or a duration such as 12h or 90d."))?;
        Ok(Some(span))
    }
}

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
        state.service.create_named_token(&username, named, &visitor.caller).await
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
    let options = RegenerateOptions { grace: grace(&form)?, all: form.ticked("all") };
    let made = state.service.regenerate(&username, options, &visitor.caller);
    let login = visitor.once(&request, &form, &state, made).await??;
    Ok(shown(&visitor, &username, &login.token, "The new login key".into()))
}

/// How much longer what a form replaces is to live.
pub fn grace(form: &Form) -> Result<Option<Duration>, Refusal> {
    parse_grace(form.get("grace")).map_err(|fault| Refusal::Page(StatusCode::BAD_REQUEST, fault.into()))
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
    state.service.revoke_token(token_id(&id)?, Some(&username), &visitor.caller).await?;
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
