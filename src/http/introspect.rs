//! `POST /introspect` (RFC 7662).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::error::HttpError;
use super::oauth::{self, Parameters};
use super::{AppState, body, drf};
use crate::service::Introspection;

/// Whether a token is good. The caller is authenticated before the token is looked at.
pub async fn introspect(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let body = body::read(&request, payload, body::MAX_BODY).await?;
    let parameters = Parameters::of(&request, body).await;
    oauth::authenticate(&request, &parameters, &state).await?;
    let token =
        parameters.checked()?.get("token").ok_or(HttpError::invalid_request("the parameter token is missing"))?;
    match state.service.introspect(token).await.map_err(HttpError::OAuthService)? {
        Introspection::Active(active) => Ok(drf::secret_answer(StatusCode::OK, &active)),
        Introspection::Inactive(_) => Ok(drf::secret_answer(StatusCode::OK, &json!({ "active": false }))),
    }
}
