//! `/admin/clients/`: the services that may introspect. Superusers only.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::regenerate::parse_grace;
use crate::domain::client::ClientSecret;
use crate::http::drf::body;
use crate::http::drf::fields::{Fields, Trim};
use crate::http::drf::pages::ListQuery;
use crate::http::error::HttpError;
use crate::http::{AppState, caller, drf};
use crate::service::{Error, Rights};

/// A client with a new secret: the only time it is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = ClientWithSecret)]
pub struct WithSecret<'a> {
    #[schema(example = "billing")]
    client_id: &'a str,
    /// 64 hex digits.
    #[schema(example = "0f3c6d...")]
    client_secret: &'a str,
}

impl<'a> WithSecret<'a> {
    fn answer(status: StatusCode, client_id: &'a str, secret: &'a ClientSecret) -> HttpResponse {
        drf::secret_answer(status, &Self { client_id, client_secret: secret.expose() })
    }
}

/// Clients by age, a page of them.
pub async fn list(request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, HttpError> {
    let caller = caller::caller(&request, &state).await?;
    caller.require(Rights::Superuser)?;
    let query = ListQuery::of(&request)?;
    let page = state.service.list_clients(query.page, &caller).await?;
    Ok(drf::answer(StatusCode::OK, &query.answer(&request, &state, page)?))
}

/// Registers a client.
pub async fn create(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let caller = caller::caller(&request, &state).await?;
    caller.require(Rights::Superuser)?;
    let body = body::read_known(&request, payload, body::MAX_BODY).await?;
    let data = body::parse(&request, body)?;
    let mut fields = Fields::of(&data)?;
    let client_id = fields.required_text("client_id", Trim::Yes);
    fields.finish()?;
    let secret = state.service.create_client(&client_id, &caller).await?;
    Ok(WithSecret::answer(StatusCode::CREATED, &client_id, &secret))
}

/// Gives a client a new secret; the old one may go on for a while.
pub async fn rotate(
    request: HttpRequest,
    client_id: web::Path<String>,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let caller = caller::caller(&request, &state).await?;
    // It takes none, but too large is too large.
    body::read_known(&request, payload, body::MAX_BODY).await?;
    state.service.client(&client_id, &caller).await?;
    let query = ListQuery::of(&request)?;
    let grace = parse_grace(query.get("grace")).map_err(|fault| Error::invalid("grace", fault))?;
    let (secret, _) = state.service.rotate_client(&client_id, grace, &caller).await?;
    Ok(WithSecret::answer(StatusCode::OK, &client_id, &secret))
}

/// Deletes a client.
pub async fn delete(
    request: HttpRequest,
    client_id: web::Path<String>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let caller = caller::caller(&request, &state).await?;
    state.service.delete_client(&client_id, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}
