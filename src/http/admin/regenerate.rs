//! `POST /admin/users/{username}/regenerate`: the answer to a leaked key.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::duration;
use crate::http::error::HttpError;
use crate::http::fields::{NOT_A_BOOLEAN, boolean};
use crate::http::pages::ListQuery;
use crate::http::{AppState, body, caller, drf};
use crate::service::{Error, Faults, RegenerateOptions};

/// The new key.
#[derive(Serialize, ToSchema)]
pub struct NewKey<'a> {
    /// The key.
    #[schema(example = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b")]
    token: &'a str,
}

/// A new login token in place of the user's old ones.
pub async fn regenerate(
    request: HttpRequest,
    username: web::Path<String>,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let caller = caller::caller(&request, &state).await?;
    state.service.require_power_over(&username, &caller).await?;
    // It takes none, but too large is too large.
    body::read_known(&request, payload, body::MAX_BODY).await?;
    let query = ListQuery::of(&request)?;
    let options = options(query.get("grace"), query.get("all"))?;
    let login = state.service.regenerate(&username, options, &caller).await?;
    Ok(drf::secret_answer(StatusCode::OK, &NewKey { token: login.token.expose() }))
}

/// How much longer what is replaced lives; empty: not at all.
///
/// # Errors
/// What to say of a text that is no duration.
pub fn parse_grace(text: &str) -> Result<Option<Duration>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    duration::parse(text).map(Some).map_err(|_| "Enter a duration such as 30m or 12h.")
}

fn options(grace: &str, all: &str) -> Result<RegenerateOptions, Error> {
    let mut faults = Faults::default();
    let mut options = RegenerateOptions::default();
    match parse_grace(grace) {
        Ok(span) => options.grace = span,
        Err(fault) => faults.add("grace", fault),
    }
    if !all.is_empty() {
        match boolean(all) {
            Some(value) => options.all = value,
            None => faults.add("all", NOT_A_BOOLEAN),
        }
    }
    faults.into_result()?;
    Ok(options)
}
