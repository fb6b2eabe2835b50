//! What the OAuth endpoints share: their parameters, and how their callers authenticate (RFC 6749 section 2.3).

mod callers;
pub mod changes;
pub mod introspect;
pub mod metadata;
pub mod paths;
pub mod revoke;
mod sent_body;
pub mod verify;

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use utoipa::openapi::ObjectBuilder;

use crate::domain::client::ClientSecret;
use crate::domain::rights::Rights;
use crate::domain::safe_text::name_without_keys;
use crate::domain::token::UsedBy;
use crate::http::caller::Credentials;
use crate::http::drf::body::{self, Data, Value};
use crate::http::endpoint::{fields, format, text};
use crate::http::error::HttpError;
use crate::http::peer::client_address;
use crate::http::peer::origin;
use crate::http::state::AppState;
use crate::logging::RequestContext;
use crate::service::{AcceptedClient, ClientOrigin, Error, Identity};

/// The key in examples.
const KEY: &str = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b";

/// Adds the fields for a client's credentials, which need not be in `Authorization`.
fn with_client(fields: ObjectBuilder) -> ObjectBuilder {
    fields
        .property("client_id", text().description(Some("The client id, if not in HTTP Basic.")))
        .property("client_secret", text().format(Some(format("password"))))
}

/// The fields of a body with a token.
fn token_fields() -> ObjectBuilder {
    let hint = "Accepted and ignored (RFC 7009 section 2.1).";
    with_client(
        fields()
            .property("token", text().min_length(Some(1)).description(Some("The key.")))
            .required("token")
            .property("token_type_hint", text().description(Some(hint))),
    )
}

/// The parameters of a request, from a form or a JSON object. An error in them is reported only after the caller is
/// authenticated: [`Parameters::checked`].
#[derive(Debug, Default)]
pub struct Parameters {
    values: Vec<(String, String)>,
    fault: Option<&'static str>,
}

impl Parameters {
    /// Reads the parameters. The first one wins if a parameter is repeated, which is also a fault.
    pub fn of(request: &HttpRequest, body: Bytes) -> Self {
        let has_type = request.headers().contains_key(CONTENT_TYPE);
        let fault = match body::parse(request, body) {
            Ok(Data::Fields { fields, .. }) => return Self::of_fields(&fields),
            Ok(Data::Null | Data::Other(_)) => "the JSON body is not an object",
            Err(_) if !has_type => "the body has no Content-Type",
            Err(_) => "the body is neither a form nor JSON",
        };
        Self { values: Vec::new(), fault: Some(fault) }
    }

    /// Reads the parameters among a body's fields, which may include others.
    pub fn of_fields(fields: &[(String, Value)]) -> Self {
        let mut parameters = Self::default();
        for (name, value) in fields {
            if !["token", "token_type_hint", "client_id", "client_secret"].contains(&name.as_str()) {
                continue;
            }
            match value {
                // RFC 6749 section 3.1: a parameter without a value counts as omitted, and none may be repeated.
                Value::Text(text) if text.is_empty() => {}
                Value::Text(_) if parameters.get(name).is_some() => {
                    parameters.fault = Some("a parameter is sent more than once");
                }
                // A lone surrogate becomes a replacement character, which no key or secret contains.
                Value::Text(text) => parameters.values.push((name.clone(), String::from_utf8_lossy(text).into_owned())),
                _ => parameters.fault = Some("a parameter is not text"),
            }
        }
        parameters
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// # Errors
    /// `invalid_request` for a body that is neither a form nor a JSON object, and for a parameter that is not text or
    /// is repeated.
    pub fn checked(&self) -> Result<&Self, HttpError> {
        self.fault.map_or(Ok(self), |fault| Err(HttpError::invalid_request(fault)))
    }
}

/// Who calls an OAuth endpoint.
#[derive(Debug)]
pub enum OAuthCaller {
    /// A registered client.
    Client(AcceptedClient),
    /// A user with a token.
    User(Box<Identity>),
    /// No credentials were sent.
    Nobody,
}

impl OAuthCaller {
    /// The name in the audit log.
    fn name(&self) -> String {
        match self {
            Self::Client(client) => format!("client:{}", client.id),
            Self::User(user) => user.username.clone(),
            Self::Nobody => String::new(),
        }
    }
}

/// Authenticates a client by HTTP Basic or by its parameters, or a user by a token.
///
/// # Errors
/// 401 for a wrong secret or a bad token, 400 if credentials are sent in two ways that differ.
pub async fn authenticate(
    request: &HttpRequest,
    parameters: &Parameters,
    state: &AppState,
) -> Result<OAuthCaller, HttpError> {
    let (form_id, form_secret) = (parameters.get("client_id"), parameters.get("client_secret"));
    let credentials = Credentials::in_authorization(request.headers(), &state.options);
    let credentials =
        if form_secret.is_some() { credentials } else { credentials.or_key(request.headers(), &state.options) };
    let candidates = match credentials {
        Credentials::Key(_) | Credentials::Refused(_) if form_secret.is_some() => {
            return Err(HttpError::invalid_request("client credentials are sent in two ways at once"));
        }
        Credentials::Key(key) => return authenticate_user(&key, state).await,
        Credentials::Refused(fault) => {
            return Err(Error::NotAuthenticated(fault).into());
        }
        Credentials::Basic(candidates) => {
            // An unreadable header names no client; it is refused below.
            let is_another = |form_id| !candidates.is_empty() && candidates.iter().all(|(id, _)| id != form_id);
            if form_id.is_some_and(is_another) {
                return Err(HttpError::invalid_request("client_id differs from the client in Authorization"));
            }
            // The same credentials may be sent twice: OpenID Connect libraries of nginx and APISIX do so.
            let same = |(id, secret): &(String, ClientSecret)| {
                form_id.is_none_or(|form_id| form_id == id) && form_secret.is_none_or(|other| other == secret.expose())
            };
            let candidates: Vec<_> = candidates.into_iter().filter(same).collect();
            if form_secret.is_some() && candidates.is_empty() {
                return Err(HttpError::invalid_request("client_secret differs from the one in Authorization"));
            }
            candidates
        }
        presented @ (Credentials::None | Credentials::OtherScheme) => match (form_id, form_secret) {
            (Some(id), Some(secret)) => vec![(id.to_owned(), ClientSecret::from_text(secret))],
            (None, Some(_)) => return Err(HttpError::invalid_client()),
            // A caller with an unknown scheme did send credentials, so this is 401 (RFC 6749 section 5.2).
            (_, None) if matches!(presented, Credentials::OtherScheme) => return Err(HttpError::invalid_client()),
            (_, None) => return Ok(OAuthCaller::Nobody),
        },
    };
    let (peer, address) = (request.peer_addr().map(|peer| peer.ip()), client_address(request, state));
    let tried = candidates.first().map(|(id, _)| id.clone());
    let from = ClientOrigin { address, peer };
    let client = state.service.introspection.admit_client(candidates, from).await.map_err(HttpError::OAuthService)?;
    let Some(client) = client else {
        let safe = |id| if state.service.introspection.knows_client(id) { id } else { name_without_keys(id) };
        let tried = tried.as_deref().map(safe);
        log::info!(address = address, client = tried; "a client was refused");
        return Err(HttpError::invalid_client());
    };
    state.service.introspection.note_client_origin(&origin(request.head()));
    RequestContext::set_client(&client.id);
    Ok(OAuthCaller::Client(client))
}

/// Only clients and staff may introspect (RFC 7662 section 2.1). Returns by whom the tokens are used.
///
/// # Errors
/// 401 without credentials; 403 for a user who is not staff, and for a named token without `jeton:admin`.
pub fn require_introspector(caller: &OAuthCaller) -> Result<UsedBy, HttpError> {
    match caller {
        OAuthCaller::Client(client) => Ok(UsedBy::client(&client.id)),
        OAuthCaller::User(user) if user.rights() >= Rights::Staff => Ok(UsedBy::user(&user.username)),
        OAuthCaller::User(_) => Err(Error::PermissionDenied.into()),
        OAuthCaller::Nobody => Err(HttpError::invalid_client()),
    }
}

async fn authenticate_user(key: &str, state: &AppState) -> Result<OAuthCaller, HttpError> {
    match state.service.introspection.identify(key, &UsedBy::jeton()).await {
        Ok(identity) => {
            RequestContext::set_user(&identity.username);
            Ok(OAuthCaller::User(Box::new(identity)))
        }
        Err(error @ Error::NotAuthenticated(_)) => Err(error.into()),
        Err(other) => Err(HttpError::OAuthService(other)),
    }
}
