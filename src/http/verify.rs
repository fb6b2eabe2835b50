//! `/auth/verify`: forward-auth for gateways (nginx `auth_request`, Traefik ForwardAuth, Caddy `forward_auth`, Envoy
//! `ext_authz`). Any method, no body: the gateway asks about somebody else's request.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::body::{Charset, form};
use super::error::{BASIC_CHALLENGE, HttpError};
use super::{AppState, caller, cross_origin, drf};
use crate::service::Identity;

/// What cannot stand in a header as it is. `%` too, so that decoding gives back what was there.
const IN_HEADER: &AsciiSet = &CONTROLS.add(b'%');
/// In a list with commas between.
const IN_LIST: &AsciiSet = &IN_HEADER.add(b',');

/// Every identity header, sent empty too: a gateway that copies them always overwrites what its client sent.
pub const HEADERS: [&str; 9] = [
    "x-auth-user",
    "x-auth-user-id",
    "x-auth-email",
    "x-auth-groups",
    "x-auth-scope",
    "x-auth-token-id",
    "remote-user",
    "remote-email",
    "remote-groups",
];

/// 200 with the identity in headers, 401, or 403 when a `scope` or `group` that the query asks for is missing.
pub async fn verify(request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, HttpError> {
    if state.options.verify_preflight && cross_origin::is_preflight(&request) {
        // Browsers send no credentials with it, and the service must answer it. It is nobody's request.
        return Ok(passed(Default::default()));
    }
    let answer = decided(&request, &state).await;
    if let Err(HttpError::NotAuthenticated(..)) = &answer
        && state.options.keys.basic
    {
        // Tools that know HTTP Basic alone send nothing before they are asked for it. First: nginx before 1.23 passes
        // one challenge on only, the first.
        let mut refusal = answer.unwrap_or_else(|error| error.error_response());
        let headers = refusal.headers_mut();
        let ours: Vec<HeaderValue> = headers.remove(WWW_AUTHENTICATE).collect();
        let basic = std::iter::once(HeaderValue::from_static(BASIC_CHALLENGE));
        basic.chain(ours).for_each(|challenge| headers.append(WWW_AUTHENTICATE, challenge));
        return Ok(refusal);
    }
    answer
}

async fn decided(request: &HttpRequest, state: &AppState) -> Result<HttpResponse, HttpError> {
    let holder = caller::identity(request, state).await?;
    let scopes: Vec<&str> = holder.scope.split(' ').filter(|scope| !scope.is_empty()).collect();
    for (name, wanted) in form(request.query_string().as_bytes(), Charset::Known(encoding_rs::UTF_8)) {
        let has = match name.as_str() {
            // A gateway's configuration may name several at once, as scope parameters do.
            // An empty one is a variable that was left out, and guards nothing: nobody has it.
            "scope" => {
                !wanted.trim().is_empty()
                    && wanted.split(' ').filter(|one| !one.is_empty()).all(|one| scopes.contains(&one))
            }
            "group" => holder.groups.contains(&wanted),
            _ => true,
        };
        if !has {
            return Ok(drf::detail(StatusCode::FORBIDDEN, "You do not have permission to perform this action."));
        }
    }
    Ok(passed(values(&holder)))
}

fn passed(values: [String; 9]) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    for (name, value) in HEADERS.into_iter().zip(values) {
        answer.insert_header((HeaderName::from_static(name), header_value(&value)));
    }
    answer.finish()
}

/// What the headers say, in their order.
fn values(user: &Identity) -> [String; 9] {
    let name = encoded(&user.username, IN_HEADER);
    let email = encoded(&user.email, IN_HEADER);
    let groups: Vec<String> = user.groups.iter().map(|group| encoded(group, IN_LIST)).collect();
    let groups = groups.join(",");
    let (id, token_id) = (user.user_id.to_string(), user.token_id.clone());
    let scope = encoded(&user.scope, IN_HEADER);
    [name.clone(), id, email.clone(), groups.clone(), scope, token_id, name, email, groups]
}

/// A blank at either end too: whoever reads a header or an element of a list trims it, and ` admin` would become `admin`.
fn encoded(text: &str, set: &'static AsciiSet) -> String {
    let inner = text.trim_matches(' ');
    let (before, rest) = text.split_at(text.len() - text.trim_start_matches(' ').len());
    let after = &rest[inner.len()..];
    format!("{}{}{}", "%20".repeat(before.len()), utf8_percent_encode(inner, set), "%20".repeat(after.len()))
}

fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("everything but printable ASCII is percent-encoded")
}
