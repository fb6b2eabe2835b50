//! Authentication: the credentials in `Authorization`, in headers of the operator's choice, and in forms.

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::domain::client::ClientSecret;
use crate::domain::token::UsedBy;
use crate::http::drf::body::{Charset, form};
use crate::http::error::HttpError;
use crate::http::options::{HttpOptions, KeySources};
use crate::http::peer::client_address;
use crate::http::state::AppState;
use crate::logging::RequestContext;
use crate::service::{AuthenticationFault, Caller, Error, Holder, Identity};

/// The credentials in `Authorization`.
#[derive(Debug)]
pub enum Credentials {
    /// Nothing.
    None,
    /// Another scheme.
    OtherScheme,
    /// A key after one of the accepted keywords.
    Key(String),
    /// An accepted keyword without a valid key.
    Refused(AuthenticationFault),
    /// Pairs of client id and secret: HTTP Basic, form-decoded (RFC 6749 section 2.3.1), and as sent.
    Basic(Vec<(String, ClientSecret)>),
}

impl Credentials {
    /// These credentials if they are a client's, else the key in `Authorization` or in one of the operator's headers. A
    /// client's credentials win, because a client may pass on headers of its own caller.
    pub fn or_key(self, headers: &HeaderMap, options: &HttpOptions) -> Self {
        if matches!(self, Self::Basic(_)) {
            return self;
        }
        let otherwise = if matches!(self, Self::OtherScheme) { Self::OtherScheme } else { Self::None };
        match self.key(headers, &options.keys, false) {
            Ok(key) => key.map_or(otherwise, Self::Key),
            Err(fault) => Self::Refused(fault),
        }
    }

    /// The key in `Authorization` or in one of the operator's headers. With `basic`, HTTP Basic may hold it, too.
    fn key(self, headers: &HeaderMap, keys: &KeySources, basic: bool) -> Result<Option<String>, AuthenticationFault> {
        let mut found = match self {
            Self::Key(key) => Some(key),
            Self::Refused(fault) => return Err(fault),
            Self::Basic(pairs) if basic => pairs.last().map(key_of_basic).filter(|key| !key.is_empty()),
            Self::None | Self::OtherScheme | Self::Basic(_) => None,
        };
        for value in keys.headers.iter().flat_map(|name| headers.get_all(name)) {
            let key = str::from_utf8(value.as_bytes()).map_err(|_| AuthenticationFault::InvalidCharacters)?;
            match &found {
                // An empty header counts as missing: gateways send one when their client sent none.
                _ if key.is_empty() => {}
                Some(other) if other != key => return Err(AuthenticationFault::TwoKeys),
                _ => found = Some(key.to_owned()),
            }
        }
        Ok(found)
    }

    /// Reads the header as DRF does (`rest_framework/authentication.py::TokenAuthentication.authenticate`).
    pub fn in_authorization(headers: &HeaderMap, options: &HttpOptions) -> Self {
        let headers: Vec<&[u8]> = headers.get_all(AUTHORIZATION).map(HeaderValue::as_bytes).collect();
        let header = headers.join(b",".as_slice());
        let mut words =
            header.split(|byte| byte.is_ascii_whitespace() || *byte == 0x0b).filter(|word| !word.is_empty());
        let scheme = words.next().unwrap_or_default();
        if scheme.eq_ignore_ascii_case(b"basic") {
            return Self::Basic(words.next().filter(|_| words.next().is_none()).map_or_else(Vec::new, basic));
        }
        if !options.auth_keywords.iter().any(|keyword| scheme.eq_ignore_ascii_case(keyword.as_bytes())) {
            return if scheme.is_empty() { Self::None } else { Self::OtherScheme };
        }
        let key = match (words.next(), words.next()) {
            (None, _) => return Self::Refused(AuthenticationFault::NoKey),
            (Some(_), Some(_)) => return Self::Refused(AuthenticationFault::Spaces),
            (Some(key), None) => key,
        };
        match std::str::from_utf8(key) {
            Ok(key) => Self::Key(key.to_owned()),
            Err(_) => Self::Refused(AuthenticationFault::InvalidCharacters),
        }
    }
}

/// The password, or the name if the password is empty, for tools that have only one field (`curl -u <key>:`).
fn key_of_basic((name, password): &(String, ClientSecret)) -> String {
    if password.expose().is_empty() { name.clone() } else { password.expose().to_owned() }
}

/// The possible pairs of client id and secret of HTTP Basic: form-decoded, and as sent.
pub fn basic(encoded: &[u8]) -> Vec<(String, ClientSecret)> {
    let Some(decoded) = BASE64_STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok()) else {
        return Vec::new();
    };
    let Some((id, secret)) = decoded.split_once(':') else { return Vec::new() };
    let form_decoded = |text: &str| {
        let pair = form(format!("x={}", text.replace('&', "%26")).as_bytes(), Charset::Known(encoding_rs::UTF_8));
        pair.into_iter().next().map_or_else(String::new, |(_, value)| value)
    };
    let decoded = (form_decoded(id), form_decoded(secret));
    let raw = (id.to_owned(), secret.to_owned());
    let mut candidates = vec![(decoded.0.clone(), ClientSecret::from_text(&decoded.1))];
    if decoded != raw {
        candidates.push((raw.0, ClientSecret::from_text(&raw.1)));
    }
    candidates
}

/// The user and token of the key in the request, read from the database, and the user as the caller of a change.
///
/// # Errors
/// 401 with DRF's sentences.
pub async fn holder(request: &HttpRequest, state: &AppState) -> Result<(Holder, Caller), HttpError> {
    let key = key(request.headers(), &state.options, false).map_err(Error::NotAuthenticated)?;
    let holder = state.service.introspection.authenticate(&key).await?;
    RequestContext::set_user(&holder.user.username);
    let caller = Caller::holder(&holder, client_address(request, state));
    Ok((holder, caller))
}

/// The user and token of the key that a gateway's client sent, from introspection (and its cache).
///
/// # Errors
/// As [`holder`].
pub async fn identity(request: &HttpRequest, state: &AppState) -> Result<Identity, HttpError> {
    let key = gateway_key(request.headers(), &state.options).map_err(Error::NotAuthenticated)?;
    let identity = state.service.introspection.identify(&key, &UsedBy::gateway()).await?;
    RequestContext::set_user(&identity.username);
    Ok(identity)
}

/// The key that a gateway's client sent.
///
/// # Errors
/// When there is none, or there are two that differ.
pub fn gateway_key(headers: &HeaderMap, options: &HttpOptions) -> Result<String, AuthenticationFault> {
    key(headers, options, options.keys.basic)
}

fn key(headers: &HeaderMap, options: &HttpOptions, basic: bool) -> Result<String, AuthenticationFault> {
    let found = Credentials::in_authorization(headers, options).key(headers, &options.keys, basic)?;
    found.ok_or(AuthenticationFault::Missing)
}

/// The keyword of `WWW-Authenticate`.
pub fn challenge(state: &AppState) -> &str {
    state.options.auth_keywords.first().map_or("Token", String::as_str)
}
