//! `POST /admin/users/{username}/password`.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::password::Password;
use crate::http::drf::body;
use crate::http::drf::fields::{Fields, Trim};
use crate::http::error::HttpError;
use crate::http::{AppState, caller};

/// Sets a user's password and revokes their login tokens.
pub async fn set_password(
    request: HttpRequest,
    username: web::Path<String>,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let caller = caller::caller(&request, &state).await?;
    state.service.require_power_over(&username, &caller).await?;
    let body = body::read_known(&request, payload, body::MAX_BODY).await?;
    let data = body::parse(&request, body)?;
    let mut fields = Fields::of(&data)?;
    let password = Password::new(fields.required_text("password", Trim::No));
    fields.finish()?;
    state.service.set_password(&username, password, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}
