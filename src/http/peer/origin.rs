//! Where a client's credentials came from. The router notes this origin, and the fast lane compares it with that of
//! later requests.

use std::net::IpAddr;

use actix_web::dev::RequestHead;
use actix_web::http::header::{AUTHORIZATION, HeaderValue, X_FORWARDED_FOR};

/// The credentials, the peer's address, and `X-Forwarded-For`.
pub fn origin_parts(head: &RequestHead) -> (&[u8], Option<IpAddr>, &[u8]) {
    let value = |name| head.headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
    (value(&AUTHORIZATION), head.peer_addr.map(|peer| peer.ip()), value(&X_FORWARDED_FOR))
}

/// The same parts as one text, so that they can be compared and hashed at once.
pub fn origin(head: &RequestHead) -> Vec<u8> {
    let (credentials, peer, forwarded) = origin_parts(head);
    [credentials, format!("{peer:?}").as_bytes(), forwarded].join(b"\0".as_slice())
}
