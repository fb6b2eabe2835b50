//! `/tokens/`: a holder's own tokens.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::password::Password;
use crate::domain::token::{Token, TokenFacts};
use crate::http::drf::body;
use crate::http::drf::fields::{Fields, Trim};
use crate::http::drf::pages::ListQuery;
use crate::http::error::HttpError;
use crate::http::{AppState, caller, drf};
use crate::service::{Error, NamedToken};

/// A token at its creation: the only time its key is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedToken)]
pub struct Created<'a> {
    #[serde(flatten)]
    facts: &'a TokenFacts,
    /// The key.
    #[schema(example = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b")]
    token: &'a str,
}

impl<'a> Created<'a> {
    /// The answer to a creation.
    pub fn answer(token: &'a Token, facts: &'a TokenFacts) -> HttpResponse {
        drf::secret_answer(StatusCode::CREATED, &Self { facts, token: token.expose() })
    }
}

/// The caller's live tokens.
pub async fn list(request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, HttpError> {
    let holder = caller::login_holder(&request, &state).await?.0;
    let query = ListQuery::of(&request)?;
    let page = state.service.list_own_tokens(&holder, query.page).await?;
    Ok(drf::answer(StatusCode::OK, &query.answer(&request, &state, page)?))
}

/// Makes a named token for the caller.
pub async fn create(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let (holder, caller) = caller::login_holder(&request, &state).await?;
    let body = body::read_known(&request, payload, body::MAX_BODY).await?;
    let data = body::parse(&request, body)?;
    let mut fields = Fields::of(&data)?;
    let wanted = named_token(&mut fields);
    let password = Password::new(fields.required_text("password", Trim::No));
    fields.finish()?;
    let made = state.service.create_own_token(&holder, wanted, password, &caller).await;
    let (token, facts) = made.map_err(|error| HttpError::with_keyword(error, caller::challenge(&state)))?;
    Ok(Created::answer(&token, &facts))
}

/// Revokes one of the caller's tokens.
pub async fn revoke(
    request: HttpRequest,
    id: web::Path<String>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let (holder, caller) = caller::login_holder(&request, &state).await?;
    state.service.revoke_own_token(token_id(&id)?, &holder, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// An id in a path; whatever is none is not found.
pub fn token_id(text: &str) -> Result<i64, Error> {
    text.parse().map_err(|_| Error::NotFound)
}

/// `name`, `scope` and `expires_in`: whole seconds, or a duration such as `90d`.
pub fn named_token(fields: &mut Fields<'_>) -> NamedToken {
    NamedToken {
        name: fields.required_text("name", Trim::Yes),
        scope: fields.optional_text("scope").unwrap_or_default(),
        expires_in: fields.nullable_duration("expires_in"),
    }
}
