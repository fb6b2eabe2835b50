//! Answers to requests that never reach a route, because their head cannot be read or does not arrive. actix would
//! answer with a bare status line; `server/wire/` replaces it with these.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderValue};

use super::outer::HSTS;
use super::request_id::{self, X_REQUEST_ID};
use crate::domain::time::Clock;
use crate::http::answer::{self, Detail};
use crate::http::endpoints::endpoints;
use crate::http::error::{OAuthError, OVERLOADED, SERVER_ERROR};

/// The raw answer with this status to a request with this head, as far as it arrived; and the request's id, for the
/// log.
pub fn refused(status: StatusCode, head: &[u8], is_https: bool) -> (Vec<u8>, String) {
    let detail = match status {
        StatusCode::REQUEST_TIMEOUT => "The request took too long.",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "The request has too many or too large headers.",
        StatusCode::BAD_REQUEST => "Malformed request.",
        StatusCode::SERVICE_UNAVAILABLE => OVERLOADED,
        _ => SERVER_ERROR,
    };
    let error = if status.is_server_error() { "temporarily_unavailable" } else { "invalid_request" };
    let (body, no_store) = if is_oauth(head) {
        (answer::render(&OAuthError { error, error_description: detail }, 0), "cache-control: no-store\r\n")
    } else {
        (answer::render(&Detail { detail }, 0), "")
    };
    let hsts = if is_https { format!("strict-transport-security: {HSTS}\r\n") } else { String::new() };
    let retry = if status == StatusCode::SERVICE_UNAVAILABLE { "retry-after: 1\r\n" } else { "" };
    let id = sent_id(head).unwrap_or_else(request_id::generate);
    let id = id.to_str().unwrap_or_default();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\ncontent-type: application/json\r\n{no_store}{hsts}{retry}{X_REQUEST_ID}: {id}\r\ndate: {}\r\n\r\n{body}",
        body.len(),
        Clock::System.now().http_date(),
    );
    (answer.into_bytes(), id.to_owned())
}

/// The paths of the endpoints that refuse in OAuth's form.
static OAUTH_PATHS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let oauth = endpoints().into_iter().filter(|endpoint| endpoint.access().refuses_as_oauth());
    oauth.map(|endpoint| endpoint.path()).collect()
});

/// Whether the request line names an OAuth endpoint.
fn is_oauth(head: &[u8]) -> bool {
    let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).find(|line| !line.is_empty()).unwrap_or_default();
    let target = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let path = path.strip_suffix(b"/").unwrap_or(path);
    OAUTH_PATHS.iter().any(|known| known.as_bytes() == path)
}

/// The client's `X-Request-Id`, if its line is complete and the id is valid.
fn sent_id(head: &[u8]) -> Option<HeaderValue> {
    let mut lines: Vec<&[u8]> = head.split(|byte| *byte == b'\n').collect();
    lines.pop();
    let value = lines.iter().find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        line[..colon].eq_ignore_ascii_case(X_REQUEST_ID.as_str().as_bytes()).then(|| line[colon + 1..].trim_ascii())
    })?;
    let mut headers = HeaderMap::new();
    headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(value).ok()?);
    request_id::valid_id(&headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(status: u16, head: &str) -> String {
        String::from_utf8(refused(StatusCode::from_u16(status).unwrap(), head.as_bytes(), false).0).unwrap()
    }

    #[test]
    fn the_body_is_of_the_route_s_kind_and_the_id_is_the_client_s() {
        let oauth = text(431, "POST /introspect/?a=b HTTP/1.1\r\nHost: x\r\nx-REQUEST-id:  mine.1 \r\nA: b");
        assert!(oauth.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: "), "{oauth}");
        assert!(oauth.contains("\r\nx-request-id: mine.1\r\n") && oauth.contains("\r\ncache-control: no-store\r\n"));
        assert!(oauth.contains("\r\n\r\n{\"error\":\"invalid_request\",\"error_description\":\""), "{oauth}");
        for head in
            ["GET /<x> HTTP/1.1\r\nX-Request-Id: not valid\r\n", "\0", "", "GET /me HTTP/1.1\r\nX-Request-Id: cut"]
        {
            let plain = text(400, head);
            assert!(plain.ends_with("\r\n\r\n{\"detail\":\"Malformed request.\"}"), "{plain}");
            let id = plain.split("x-request-id: ").nth(1).unwrap().split("\r\n").next().unwrap();
            assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{plain}");
        }
    }
}
