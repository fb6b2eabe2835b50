//! `POST /logout/` and `POST /logoutall/` (Knox, `knox/views.py`).

use actix_web::{HttpRequest, HttpResponse, web};

use crate::http::drf::body;
use crate::http::error::HttpError;
use crate::http::{AppState, caller};

/// Revokes the token of the request.
pub async fn logout(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let (holder, caller) = caller::holder_and_caller(&request, &state).await?;
    // It takes none, but too large is too large.
    body::read_known(&request, payload, body::MAX_BODY).await?;
    state.service.logout(&holder, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Revokes all login tokens of the request's user.
pub async fn logoutall(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let (holder, caller) = caller::holder_and_caller(&request, &state).await?;
    body::read_known(&request, payload, body::MAX_BODY).await?;
    state.service.logoutall(&holder, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}
