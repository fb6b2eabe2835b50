//! Who is at the other end: the client's address, and the scheme and host that it used, through trusted proxies or not.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::HOST;
use actix_web::http::uri::Authority;

use super::AppState;

/// Scheme and host as the client named them: `https://tokens.example.com`. What a proxy says of them counts only from
/// a trusted one: anybody can send its headers.
pub fn base_url(request: &HttpRequest, state: &AppState) -> String {
    if is_trusted_proxy(request, state) {
        let connection = request.connection_info();
        return format!("{}://{}", connection.scheme(), connection.host());
    }
    let scheme = if is_https(request, state) { "https" } else { "http" };
    // A request over HTTP/2 has no Host, and says it in its URI.
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(Authority::as_str));
    format!("{scheme}://{}", host.unwrap_or_else(|| request.app_config().host()))
}

/// Whether the client speaks HTTPS, to us or to a trusted proxy.
pub fn is_https(request: &HttpRequest, state: &AppState) -> bool {
    if is_trusted_proxy(request, state) {
        return request.connection_info().scheme() == "https";
    }
    request.app_config().secure()
}

/// Whether what the peer says of its client counts. A peer on a Unix socket is whoever the operator lets reach it.
fn is_trusted_proxy(request: &HttpRequest, state: &AppState) -> bool {
    !state.trusted_proxies.is_empty() && peer_address(request).is_none_or(|peer| is_trusted(peer, state))
}

fn is_trusted(address: IpAddr, state: &AppState) -> bool {
    state.trusted_proxies.iter().any(|network| network.contains(&address))
}

fn peer_address(request: &HttpRequest) -> Option<IpAddr> {
    request.peer_addr().map(|peer| peer.ip().to_canonical())
}

/// The address of the client: the peer's, or what a trusted proxy says of it. None for a peer on a Unix socket.
pub fn client_address(request: &HttpRequest, state: &AppState) -> Option<IpAddr> {
    let peer = peer_address(request);
    if !is_trusted_proxy(request, state) {
        return peer;
    }
    let forwarded = request.headers().get_all("X-Forwarded-For").filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
    // Each proxy appends who spoke to it, so the last address that is no proxy of ours is the client's.
    let mut client = peer;
    for hop in hops.iter().rev() {
        let Ok(address) = hop.parse::<IpAddr>() else { break };
        client = Some(address.to_canonical());
        if !is_trusted(address.to_canonical(), state) {
            break;
        }
    }
    client
}
