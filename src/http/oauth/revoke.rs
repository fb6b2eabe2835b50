//! `POST /revoke` (RFC 7009).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::audit::Actor;
use crate::http::drf::body;
use crate::http::edge::client_address;
use crate::http::error::HttpError;
use crate::http::oauth::{self, OAuthCaller, Parameters};
use crate::http::{AppState, drf};
use crate::service::{Error, Revoker};

/// Revokes a token. One that is unknown is no error: the client's aim is reached (section 2.2).
pub async fn revoke(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let body = oauth::body(&request, payload, &state, body::MAX_BODY).await?;
    let parameters = Parameters::of(&request, body);
    let caller = oauth::authenticate(&request, &parameters, &state).await?;
    let token =
        parameters.checked()?.get("token").ok_or(HttpError::invalid_request("the parameter token is missing"))?;
    let address = client_address(&request, &state);
    let revoker = match caller {
        OAuthCaller::Client(id) => Revoker::Client(Actor { name: format!("client:{id}"), address }, id),
        OAuthCaller::User(user) => {
            let stands_for_its_user = user.stands_for_its_user();
            let actor = Actor { name: user.username, address };
            if stands_for_its_user { Revoker::User(actor) } else { Revoker::Named(actor, user.token_id) }
        }
        OAuthCaller::Nobody => Revoker::Holder(address),
    };
    let is_client = matches!(revoker, Revoker::Client(..));
    state.service.revoke(token, revoker).await.map_err(|error| match error {
        Error::PermissionDenied if is_client => {
            HttpError::OAuth("unauthorized_client", "the token belongs to another client")
        }
        other => HttpError::OAuthService(other),
    })?;
    // Section 2.2 wants no body, but some clients read every answer as JSON.
    Ok(drf::answer(StatusCode::OK, &serde_json::json!({})))
}
