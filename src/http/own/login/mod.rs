//! The login: `/api-token-auth/`, and the paths in `JETON_LOGIN_PATHS`. It is Django REST framework's
//! `obtain_auth_token`, to the byte, or the login of another package (`JETON_LOGIN_FORMAT`).

mod answers;
mod basic;
mod challenge;
mod credentials;
mod described;

use actix_web::http::header::ACCEPT;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde_json::Value;

use crate::http::answer;
use crate::http::drf::media_type::json_indent;
use crate::http::drf::{self, body};
use crate::http::endpoint::Endpoint;
use crate::http::error::HttpError;
use crate::http::extract::{Anyone, UnreadBody};
use crate::http::options::{LoginFormat, LoginOptions};
use crate::http::peer::client_address;
use crate::http::state::{AppState, State};
use crate::logging::RequestContext;
use crate::service::{AuthenticationFault, Error, Login};
use basic::BasicHeader;
use credentials::Credentials;

/// The endpoints of this file.
pub fn endpoints(options: &LoginOptions) -> Vec<Endpoint> {
    vec![described::operation(options).to(login).every_method().cross_origin().also_at(&options.paths)]
}

/// Handles every method of the route. Like DRF it checks `Accept` first, then the method, then the body.
async fn login(_: Anyone, request: HttpRequest, body: UnreadBody, state: State) -> HttpResponse {
    let accepts: Vec<String> = request
        .headers()
        .get_all(ACCEPT)
        .map(|value| value.as_bytes().iter().map(|byte| char::from(*byte)).collect())
        .collect();
    let accept = (!accepts.is_empty()).then(|| accepts.join(","));
    let Some(indent) = json_indent(accept.as_deref()) else {
        return answer::detail(StatusCode::NOT_ACCEPTABLE, "Could not satisfy the request Accept header.");
    };
    let answer = match *request.method() {
        Method::POST => match post(&request, body, &state).await {
            Ok(answer) => answer::json(StatusCode::OK, &answer),
            Err(error) => error.error_response(),
        },
        ref other => match authenticate_first(&request, &state).await {
            Ok(()) if *other == Method::OPTIONS => {
                answer::json(StatusCode::OK, &answers::metadata(&state.options.login))
            }
            Ok(()) => drf::method_not_allowed(other),
            Err(error) => error.error_response(),
        },
    };
    drf::indented(answer, indent).await
}

async fn post(request: &HttpRequest, body: UnreadBody, state: &AppState) -> Result<Value, HttpError> {
    let options = &state.options.login;
    // The body itself is dropped here and not kept while the login waits.
    let body = body.read(request).await?;
    let header = BasicHeader::of(request).filter(|_| options.format == LoginFormat::Knox);
    let is_basic = header.is_some();
    let Credentials { name, password } = match header {
        // Knox does not read the body.
        Some(header) => header.credentials(options.by)?,
        None => Credentials::in_body(&body::parse(request, body)?, options)?,
    };
    let login = Login { name, password, address: client_address(request, state) };
    let logged_in = state.service.sign_in.login(login).await;
    let logged_in = logged_in.map_err(|error| if is_basic { refused_basic(error) } else { error.into() })?;
    RequestContext::set_user(&logged_in.user.username);
    Ok(answers::logged_in(&logged_in, options))
}

/// Knox asks who calls before it looks at the method.
async fn authenticate_first(request: &HttpRequest, state: &AppState) -> Result<(), HttpError> {
    let options = &state.options.login;
    if options.format != LoginFormat::Knox {
        return Ok(());
    }
    let header = BasicHeader::of(request).ok_or_else(|| challenge::refused(AuthenticationFault::Missing))?;
    let Credentials { name, password } = header.credentials(options.by)?;
    let login = Login { name, password, address: client_address(request, state) };
    let user = state.service.sign_in.check_password(login).await.map_err(refused_basic)?;
    RequestContext::set_user(&user.username);
    Ok(())
}

/// A refusal of HTTP Basic has its challenge.
fn refused_basic(error: Error) -> HttpError {
    match error {
        Error::LoginRefused(_) => challenge::refused(AuthenticationFault::InvalidPassword),
        other => other.into(),
    }
}
