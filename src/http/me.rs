//! `GET /me`: who a token's holder is, and what token it is.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::HttpError;
use super::{AppState, caller, drf};
use crate::domain::token::TokenFacts;
use crate::domain::user::User;

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
