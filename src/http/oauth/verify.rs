//! `/auth/verify`: forward-auth for gateways (nginx `auth_request`, Traefik ForwardAuth, Caddy `forward_auth`, Envoy
//! `ext_authz`). Any method, no body: the gateway asks about somebody else's request.

use std::borrow::Cow;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::http::caller;
use crate::http::drf::body::{Charset, form};
use crate::http::endpoint::{Access, Endpoint, Extractor, Header, Incoming, MayCall, Operation, text};
use crate::http::error::{Answered, BASIC_CHALLENGE, HttpError};
use crate::http::oauth::paths;
use crate::http::preflight::is_preflight;
use crate::service::{Error, Identity};

/// The endpoints of this file. Every method is allowed, because a gateway asks about somebody else's request.
pub fn endpoints() -> Vec<Endpoint> {
    let methods = [
        (Method::GET, "verify"),
        (Method::HEAD, "verify_head"),
        (Method::POST, "verify_post"),
        (Method::PUT, "verify_put"),
        (Method::PATCH, "verify_patch"),
        (Method::DELETE, "verify_delete"),
        (Method::OPTIONS, "verify_options"),
        (Method::TRACE, "verify_trace"),
    ];
    let endpoint = |(method, id)| {
        let mut operation = Operation::new(method, paths::VERIFY, id, "Forward-auth for a gateway")
            .describe(
                "For nginx `auth_request`, Traefik ForwardAuth, Caddy `forward_auth`, Envoy `ext_authz`. Any path \
                 below this one works too. It reads `Authorization` (and the headers of `JETON_KEY_HEADERS`, and HTTP \
                 Basic with `JETON_KEY_BASIC`), and no body. With `JETON_VERIFY_PREFLIGHT` a browser's preflight \
                 passes, without an identity.",
            )
            .query_list("scope", text(), "A scope that the token must have; may repeat.")
            .query_list("group", text(), "A group that the user must be in; may repeat.")
            .answers_nothing(200, "The token is valid. The headers have the identity.");
        for name in HEADERS {
            operation = operation.with(Header::Identity(name));
        }
        operation
            .refuses_as("A scope or a group is missing.", &Error::PermissionDenied)
            .without_allow()
            .always_with(Header::NoStore)
            .to(handle)
            .every_method()
            .with_tail("/auth/verify/{below:.*}")
            .frequent()
    };
    methods.map(endpoint).into()
}

/// Characters that are percent-encoded in a header. `%` too, so that decoding restores the text.
const IN_HEADER: &AsciiSet = &CONTROLS.add(b'%');
/// The same in a list, which is separated by commas.
const IN_LIST: &AsciiSet = &IN_HEADER.add(b',');

/// The value of a header that says nothing.
const EMPTY: HeaderValue = HeaderValue::from_static("");

/// The identity headers. All are always sent, even if empty. So a gateway that copies them overwrites headers of the
/// same names that its client sent.
pub const HEADERS: [&str; 10] = [
    "x-auth-user",
    "x-auth-user-id",
    "x-auth-email",
    "x-auth-groups",
    "x-auth-scope",
    "x-auth-token-id",
    "x-auth-token-expires",
    "remote-user",
    "remote-email",
    "remote-groups",
];

/// The identity of a gateway's client. `None` for a preflight that is let through: browsers send no credentials with
/// it, and the service must answer it.
struct ClientIdentity(Option<Identity>);

impl Extractor for ClientIdentity {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let (request, state) = (&incoming.request, incoming.state());
        if state.options.verify_preflight && is_preflight(request) {
            return Ok(Self(None));
        }
        match caller::identity(request, state).await {
            Ok(identity) => Ok(Self(Some(identity))),
            // Tools that know only HTTP Basic send no credentials until they are challenged. Basic comes first, because
            // nginx before 1.23 passes on only the first challenge.
            Err(HttpError::Service(Error::NotAuthenticated(fault))) if state.options.keys.basic => {
                let challenges = vec![BASIC_CHALLENGE.to_owned(), caller::challenge(state).to_owned()];
                Err(HttpError::NotAuthenticated(fault, challenges))
            }
            Err(other) => Err(other),
        }
    }
}

impl MayCall for ClientIdentity {
    const ACCESS: Access = Access::Gateway;
}

/// 200 with the identity in headers, 401, or 403 when a `scope` or `group` that the query asks for is missing.
async fn handle(ClientIdentity(holder): ClientIdentity, request: HttpRequest) -> Answered {
    match holder {
        Some(holder) => Ok(verify(&holder, request.query_string())?),
        None => Ok(passed([EMPTY; 10])),
    }
}

/// 200 with the identity in headers.
///
/// # Errors
/// [`Error::PermissionDenied`], when a `scope` or `group` that the query asks for is missing.
pub fn verify(holder: &Identity, query: &str) -> Result<HttpResponse, Error> {
    let scopes = || holder.scope.split(' ').filter(|scope| !scope.is_empty());
    for (name, wanted) in form(query.as_bytes(), Charset::Known(encoding_rs::UTF_8)) {
        let has = match name.as_str() {
            // One parameter may name several scopes, separated by spaces. An empty one is probably a missing variable
            // in the gateway's configuration: nobody has it.
            "scope" => {
                !wanted.trim().is_empty()
                    && wanted.split(' ').filter(|one| !one.is_empty()).all(|one| scopes().any(|scope| scope == one))
            }
            "group" => holder.groups.contains(&wanted),
            _ => true,
        };
        if !has {
            return Err(Error::PermissionDenied);
        }
    }
    Ok(passed(values(holder)))
}

fn passed(values: [HeaderValue; 10]) -> HttpResponse {
    let mut answer = HttpResponse::new(StatusCode::OK);
    for (name, value) in HEADERS.into_iter().zip(values) {
        answer.headers_mut().insert(HeaderName::from_static(name), value);
    }
    answer
}

/// The values of the headers, in the order of [`HEADERS`].
fn values(user: &Identity) -> [HeaderValue; 10] {
    let name = header_value(&encoded(&user.username, IN_HEADER));
    let email = header_value(&encoded(&user.email, IN_HEADER));
    let groups: Vec<_> = user.groups.iter().map(|group| encoded(group, IN_LIST)).collect();
    let groups = header_value(&groups.join(","));
    let (id, token_id) = (HeaderValue::from(user.user_id), header_value(&user.token_id));
    let scope = header_value(&encoded(&user.scope, IN_HEADER));
    // As `exp` in introspection.
    let expires = user.exp.map_or(EMPTY, HeaderValue::from);
    // A clone shares its text.
    [name.clone(), id, email.clone(), groups.clone(), scope, token_id, expires, name, email, groups]
}

/// Encodes a space at either end too: readers of headers and lists trim them, and ` admin` would become `admin`.
fn encoded<'a>(text: &'a str, set: &'static AsciiSet) -> Cow<'a, str> {
    let inner = text.trim_matches(' ');
    let encoded = Cow::from(utf8_percent_encode(inner, set));
    if inner.len() == text.len() {
        return encoded;
    }
    let (before, rest) = text.split_at(text.len() - text.trim_start_matches(' ').len());
    let after = &rest[inner.len()..];
    format!("{}{encoded}{}", "%20".repeat(before.len()), "%20".repeat(after.len())).into()
}

fn header_value(text: &str) -> HeaderValue {
    if text.is_empty() {
        return EMPTY;
    }
    HeaderValue::from_str(text).expect("everything but printable ASCII is percent-encoded")
}
