//! `POST /introspect` (RFC 7662), and `POST /introspect/batch`.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::http::drf::body::{self, Data, Value};
use crate::http::error::HttpError;
use crate::http::oauth::{self, Parameters};
use crate::http::{AppState, drf};
use crate::service::Introspection;

/// The methods of the route.
pub const ALLOWED: &str = "POST, OPTIONS";

/// Whether a token is good. The caller is authenticated before the token is looked at.
pub async fn introspect(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let body = oauth::introspectors_body(&request, payload, &state, body::MAX_BODY).await?;
    let parameters = Parameters::of(&request, body);
    oauth::introspector(&request, &parameters, &state).await?;
    let token =
        parameters.checked()?.get("token").ok_or(HttpError::invalid_request("the parameter token is missing"))?;
    let introspection = state.service.introspect(token).await.map_err(HttpError::OAuthService)?;
    Ok(answer(introspection.into_json()))
}

/// The largest batch, in tokens.
pub const MAX_BATCH: usize = 1_000;
/// And its body, in bytes.
const MAX_BATCH_BODY: usize = 256 * 1024;

/// The same for many tokens, with one query.
pub async fn introspect_batch(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let body = oauth::introspectors_body(&request, payload, &state, MAX_BATCH_BODY).await?;
    let data = body::parse(&request, body);
    let parameters = match &data {
        Ok(Data::Fields { fields, .. }) => Parameters::of_fields(fields),
        _ => Parameters::default(),
    };
    oauth::introspector(&request, &parameters, &state).await?;
    parameters.checked()?;
    let tokens = match &data {
        Ok(data @ Data::Fields { form: false, .. }) => texts(data.get("tokens"))?,
        _ => return Err(HttpError::invalid_request("the body is not a JSON object")),
    };
    let results = state.service.introspect_batch(&tokens).await.map_err(HttpError::OAuthService)?;
    let results: Vec<_> = results.into_iter().map(Introspection::into_json).collect();
    let body = [b"{\"results\":[".as_slice(), &results.join(b",".as_slice()), b"]}"].concat();
    Ok(answer(body.into()))
}

/// An answer that is JSON already.
fn answer(json: Cow<'static, [u8]>) -> HttpResponse {
    let mut answer = drf::builder(StatusCode::OK);
    answer.insert_header((CACHE_CONTROL, "no-store"));
    match json {
        Cow::Borrowed(json) => answer.body(json),
        Cow::Owned(json) => answer.body(json),
    }
}

fn texts(value: Option<&Value>) -> Result<Vec<String>, HttpError> {
    let Some(Value::List(values)) = value else { return Err(HttpError::invalid_request("tokens is not a list")) };
    if values.len() > MAX_BATCH {
        return Err(HttpError::invalid_request("there are more than 1000 tokens"));
    }
    let text = |value: &Value| match value {
        Value::Text(text) => Ok(String::from_utf8_lossy(text).into_owned()),
        _ => Err(HttpError::invalid_request("a token is not text")),
    };
    values.iter().map(text).collect()
}
