//! `/me`: who a token's holder is, and what token it is; `/me/password`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::password::Password;
use crate::domain::time::Timestamp;
use crate::domain::token::TokenFacts;
use crate::domain::user::User;
use crate::http::drf::body;
use crate::http::drf::fields::{Fields, Trim};
use crate::http::error::HttpError;
use crate::http::{AppState, caller, drf};
use crate::service::UserPatch;

/// A user, and the token that they came with.
#[derive(Serialize, ToSchema)]
pub struct Me<'a> {
    #[serde(flatten)]
    user: &'a User,
    token: &'a TokenFacts,
}

/// The caller's own record.
pub async fn me(request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, HttpError> {
    let holder = caller::holder(&request, &state).await?;
    let me = Me { user: &holder.user, token: &holder.token };
    Ok(drf::secret_answer(StatusCode::OK, &me))
}

/// Changes the caller's own name. Other fields are passed over, as DRF passes over what is read-only.
pub async fn update(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let (holder, caller) = caller::login_holder(&request, &state).await?;
    let body = body::read_known(&request, payload, body::MAX_BODY).await?;
    let data = body::parse(&request, body)?;
    let mut fields = Fields::of(&data)?;
    let mut given = |name: &str| {
        let may_change = state.service.policy().profile_fields.iter().any(|field| field == name);
        if may_change { fields.optional_text(name) } else { None }
    };
    let (first_name, last_name) = (given("first_name"), given("last_name"));
    let patch = UserPatch { first_name, last_name, unread: fields.faults(), ..UserPatch::default() };
    let updated = state.service.update_own(&holder, patch, &caller).await;
    let user = updated.map_err(|error| HttpError::with_keyword(error, caller::challenge(&state)))?;
    Ok(drf::secret_answer(StatusCode::OK, &Me { user: &user, token: &holder.token }))
}

/// The new login key, with its end where it has one.
#[derive(Serialize, ToSchema)]
pub struct NewLogin<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expiry: Option<Timestamp>,
    /// The key.
    #[schema(example = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b")]
    token: &'a str,
}

/// Changes the caller's own password: every login token they had ends, and they get a new one.
pub async fn change_password(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let (holder, caller) = caller::login_holder(&request, &state).await?;
    let body = body::read_known(&request, payload, body::MAX_BODY).await?;
    let data = body::parse(&request, body)?;
    let mut fields = Fields::of(&data)?;
    let old = Password::new(fields.required_text("old_password", Trim::No));
    let new = Password::new(fields.required_text("new_password", Trim::No));
    fields.finish()?;
    let changed = state.service.change_own_password(&holder, old, new, &caller).await;
    let (token, expiry) = changed.map_err(|error| HttpError::with_keyword(error, caller::challenge(&state)))?;
    Ok(drf::secret_answer(StatusCode::OK, &NewLogin { expiry, token: token.expose() }))
}
