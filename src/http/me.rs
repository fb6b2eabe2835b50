//! `/me`: who a token's holder is, and what token it is; `/me/password`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::HttpError;
use super::fields::{Fields, Trim};
use super::{AppState, body, caller, drf};
use crate::domain::password::Password;
use crate::domain::profile::{ProfileField, ProfilePatch};
use crate::domain::time::Timestamp;
use crate::domain::token::TokenFacts;
use crate::domain::user::{User, UserChange};
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
    let named = &state.service.policy().profile_fields;
    let may_change =
        |field: ProfileField| ProfileField::OWN.contains(&field) && named.iter().any(|name| name == field.name());
    let given = |field| if may_change(field) { fields.optional_text(field.name()) } else { None };
    let change = UserChange { profile: ProfilePatch::from_fn(given), ..UserChange::default() };
    let patch = UserPatch { change, edition: None, unread: fields.faults() };
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
    let login = changed.map_err(|error| HttpError::with_keyword(error, caller::challenge(&state)))?;
    Ok(drf::secret_answer(StatusCode::OK, &NewLogin { expiry: login.expires_at, token: login.token.expose() }))
}
