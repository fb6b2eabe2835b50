//! What the OAuth endpoints share: their parameters, and how their callers authenticate (RFC 6749 section 2.3).

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;

use super::body::{self, Data, Value};
use super::caller::{Credentials, challenge};
use super::error::HttpError;
use super::{AppState, client_address};
use crate::domain::client::ClientSecret;
use crate::service::{Caller, Error, Holder, Rights};

/// The parameters of a request, from a form or a JSON object.
#[derive(Debug)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// # Errors
    /// `invalid_request` for a body that is neither, or a parameter that is no text or comes twice.
    pub async fn of(request: &HttpRequest, body: Bytes) -> Result<Self, HttpError> {
        let has_type = request.headers().contains_key(CONTENT_TYPE);
        let data = match body::parse(request, body).await {
            Ok(data) => data,
            Err(HttpError::Detail(..)) if !has_type => {
                return Err(HttpError::invalid_request("the body has no Content-Type"));
            }
            Err(_) => return Err(HttpError::invalid_request("the body is neither a form nor JSON")),
        };
        let Data::Fields { fields, .. } = data else {
            return Err(HttpError::invalid_request("the JSON body is not an object"));
        };
        let mut parameters: Vec<(String, String)> = Vec::new();
        for (name, value) in fields {
            if !["token", "token_type_hint", "client_id", "client_secret"].contains(&name.as_str()) {
                continue;
            }
            let Value::Text(text) = value else { return Err(HttpError::invalid_request("a parameter is not text")) };
            // RFC 6749 section 3.1: without a value counts as left out, and none may come twice.
            if text.is_empty() {
                continue;
            }
            if parameters.iter().any(|(known, _)| *known == name) {
                return Err(HttpError::invalid_request("a parameter is sent more than once"));
            }
            // A lone surrogate becomes replacement characters, which stand in no key and no secret.
            parameters.push((name, String::from_utf8_lossy(&text).into_owned()));
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Who calls an OAuth endpoint.
#[derive(Debug)]
pub enum OAuthCaller {
    /// A registered client, by its id.
    Client(String),
    /// A user with a token.
    User(Box<Holder>),
    /// Nobody said who they are.
    Nobody,
}

/// Authenticates a client by HTTP Basic or by its parameters, or a user by a token.
///
/// # Errors
/// 401 for a wrong secret or a bad token, 400 for two ways at once.
pub async fn authenticate(
    request: &HttpRequest,
    parameters: Result<&Parameters, &HttpError>,
    state: &AppState,
) -> Result<OAuthCaller, HttpError> {
    let parameter = |name| parameters.ok().and_then(|parameters| parameters.get(name));
    let (form_id, form_secret) = (parameter("client_id"), parameter("client_secret"));
    let candidates = match Credentials::of(request, state) {
        Credentials::Basic(_) | Credentials::Key(_) | Credentials::Refused(_) if form_secret.is_some() => {
            return Err(HttpError::invalid_request("client credentials are sent in two ways at once"));
        }
        Credentials::Key(key) => return user(&key, state).await,
        Credentials::Refused(fault) => {
            return Err(HttpError::with_keyword(Error::NotAuthenticated(fault), challenge(state)));
        }
        Credentials::Basic(candidates) => {
            if form_id.is_some_and(|form_id| candidates.iter().all(|(id, _)| id != form_id)) {
                return Err(HttpError::invalid_request("client_id differs from the client in Authorization"));
            }
            candidates
        }
        Credentials::None => match (form_id, form_secret) {
            (Some(id), Some(secret)) => vec![(id.to_owned(), ClientSecret::from_text(secret))],
            (None, Some(_)) => return Err(HttpError::invalid_client()),
            (_, None) => return Ok(OAuthCaller::Nobody),
        },
    };
    let client = state.service.authenticate_client(candidates).await.map_err(HttpError::OAuthService)?;
    client.map(OAuthCaller::Client).ok_or_else(|| {
        log::info!("a client was refused");
        HttpError::invalid_client()
    })
}

/// Lets clients and staff introspect, nobody else (RFC 7662 section 2.1).
///
/// # Errors
/// As [`authenticate`], and 401 for nobody, 403 for a user who is not staff.
pub async fn introspector(
    request: &HttpRequest,
    parameters: Result<&Parameters, &HttpError>,
    state: &AppState,
) -> Result<(), HttpError> {
    match authenticate(request, parameters, state).await? {
        OAuthCaller::Client(_) => Ok(()),
        OAuthCaller::User(holder) => {
            Ok(Caller::user(&holder.user, client_address(request, state)).require(Rights::Staff)?)
        }
        OAuthCaller::Nobody => Err(HttpError::invalid_client()),
    }
}

async fn user(key: &str, state: &AppState) -> Result<OAuthCaller, HttpError> {
    match state.service.authenticate(key).await {
        Ok(holder) => Ok(OAuthCaller::User(Box::new(holder))),
        Err(error @ Error::NotAuthenticated(_)) => Err(HttpError::with_keyword(error, challenge(state))),
        Err(other) => Err(HttpError::OAuthService(other)),
    }
}
