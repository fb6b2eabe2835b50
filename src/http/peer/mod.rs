//! The client's address, and the scheme and host that it used, directly or through trusted proxies.
//!
//! From trusted proxies, `X-Forwarded-For`, `-Proto` and `-Host` are read, which proxies set by convention. `Forwarded`
//! (RFC 7239) is not read: most proxies neither set nor remove it, so the client may have written it. If several
//! proxies add to one header, the last value counts: only that one certainly does not come from the client.

mod hops;
mod origin;

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, HeaderValue};
use actix_web::http::uri::Authority;

use super::state::AppState;
use hops::{Hop, hops, last_value};
pub use origin::{origin, origin_parts};

/// Scheme and host as the client sent them: `https://tokens.example.com`. Only a trusted proxy's headers count, because
/// anybody can send them.
pub fn base_url(request: &HttpRequest, state: &AppState) -> String {
    let scheme = if is_https(request, state) { "https" } else { "http" };
    let forwarded =
        is_trusted_proxy(request, state).then(|| last_value(request.headers(), "X-Forwarded-Host")).flatten();
    let header = || request.headers().get(HOST).and_then(|host| host.to_str().ok());
    // A request may name the host in its target instead (RFC 9112 section 3.2.2).
    let uri = || request.uri().authority().map(Authority::as_str);
    // An invalid host is ignored, not refused. Few answers contain the host; these then contain the server's own.
    let host = forwarded.filter(|host| is_host(host)).or_else(|| header().or_else(uri).filter(|host| is_host(host)));
    format!("{scheme}://{}", host.unwrap_or_else(|| request.app_config().host()))
}

/// The URL by which users reach jeton, for links: `JETON_ISSUER`, or what the request was sent to.
pub fn public_url(request: &HttpRequest, state: &AppState) -> String {
    state.service.policy.issuer.clone().unwrap_or_else(|| base_url(request, state))
}

/// Whether the client speaks HTTPS, to us or to a trusted proxy.
pub fn is_https(request: &HttpRequest, state: &AppState) -> bool {
    if is_trusted_proxy(request, state)
        && let Some(scheme) = last_value(request.headers(), "X-Forwarded-Proto")
    {
        return scheme.eq_ignore_ascii_case("https");
    }
    request.app_config().secure()
}

/// Whether the text is a host, with or without a port, as in a URL. Underscores are allowed: host names have none, but
/// names of containers do.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit());
    let in_brackets = |host: &str| host.strip_prefix('[')?.strip_suffix(']')?.parse::<std::net::Ipv6Addr>().ok();
    let is_name = |host: &str| {
        (1..=255).contains(&host.len())
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    };
    port.is_none_or(is_port) && (is_name(host) || in_brackets(host).is_some())
}

/// Whether the peer is a trusted proxy. A peer on a Unix socket is one, because the operator decides who reaches the
/// socket.
fn is_trusted_proxy(request: &HttpRequest, state: &AppState) -> bool {
    !state.trusted_proxies.is_empty() && peer_address(request).is_none_or(|peer| state.trusted_proxies.has(peer))
}

fn peer_address(request: &HttpRequest) -> Option<IpAddr> {
    request.peer_addr().map(|peer| peer.ip().to_canonical())
}

/// The address of the client: the peer's, or the one that a trusted proxy names. `None` for a peer on a Unix socket,
/// and if a trusted proxy names something that is not an address.
pub fn client_address(request: &HttpRequest, state: &AppState) -> Option<IpAddr> {
    let peer = peer_address(request);
    if !is_trusted_proxy(request, state) {
        let forwarding_header = ["X-Forwarded-For", "Forwarded", "X-Real-IP"]
            .into_iter()
            .find(|name| request.headers().contains_key(*name));
        if let Some(header) = forwarding_header {
            state.trusted_proxies.warn_of_untrusted(peer, header, state.service.clock.uptime());
        }
        return peer;
    }
    // Each proxy appends its peer's address, so the last address that is not a trusted proxy is the client's.
    let mut client = peer;
    for hop in hops(request.headers().get_all("X-Forwarded-For").map(HeaderValue::as_bytes)) {
        match hop {
            Hop::Address(address) if state.trusted_proxies.has(address) => client = Some(address),
            Hop::Address(address) => return Some(address),
            // A trusted proxy forwarded this request for a host that it does not name. The client is not the proxy
            // itself, and values further left cannot be trusted.
            Hop::Unreadable => return None,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn hosts_have_the_characters_of_an_authority() {
        for good in [
            "localhost",
            "tokens.example.com",
            "tokens.example.com:8443",
            "jeton_web:8000",
            "10.0.0.1",
            "[::1]",
            "[2001:db8::1]:443",
        ] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "", ":80", "a b", "a\"b<c", "a,b", "a@b", "a/b", "a?b", "a#b", "a%62", "a\\b", "a:b", "a:", "a:+1",
            "a:99999", "::1", "[::1", "[::1]x", "[::1]:x", "[x]", "a:1:2", "\u{e4}", "a'b",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
        assert!(is_host(&"a".repeat(255)) && !is_host(&"a".repeat(256)));
    }
}
