//! The only room that speaks actix: the route table, and one file a route.

mod admin;
mod body;
mod caller;
mod drf;
mod error;
mod fields;
mod health;
mod introspect;
mod login;
mod me;
mod media_type;
mod oauth;
mod pages;
mod request_id;

use std::net::IpAddr;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::middleware::DefaultHeaders;
use actix_web::{HttpRequest, Resource, web};
use ipnet::IpNet;

use crate::service::Service;
pub use request_id::surround;

/// What every handler may use.
#[derive(Clone)]
pub struct AppState {
    /// The verbs.
    pub service: Service,
    /// Keywords accepted in `Authorization`; the first one is the challenge.
    pub auth_keywords: Vec<String>,
    /// Fields of the user that the login's answer adds.
    pub login_fields: Vec<String>,
    /// Networks whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
}

/// Every route there is.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(at("/api-token-auth", "POST, OPTIONS").to(login::login))
        .service(
            at("/introspect", "POST, OPTIONS")
                .wrap(DefaultHeaders::new().add((CACHE_CONTROL, "no-store")))
                .route(web::post().to(introspect::introspect))
                .default_service(web::to(drf::other_method)),
        )
        .service(
            at("/me", "GET, HEAD, OPTIONS")
                .route(web::get().to(me::me))
                .route(web::head().to(me::me))
                .default_service(web::to(drf::other_method)),
        )
        .service(
            at("/admin/users", "GET, POST, HEAD, OPTIONS")
                .route(web::get().to(admin::users::list))
                .route(web::head().to(admin::users::list))
                .route(web::post().to(admin::users::create))
                .default_service(web::to(drf::other_method)),
        )
        .service(
            at("/admin/users/{username}/regenerate", "POST, OPTIONS")
                .route(web::post().to(admin::regenerate::regenerate))
                .default_service(web::to(drf::other_method)),
        )
        .service(
            at("/healthz", "GET, HEAD")
                .route(web::get().to(health::healthz))
                .route(web::head().to(health::healthz))
                .default_service(web::to(drf::other_method)),
        )
        .service(
            at("/readyz", "GET, HEAD")
                .route(web::get().to(health::readyz))
                .route(web::head().to(health::readyz))
                .default_service(web::to(drf::other_method)),
        )
        .default_service(web::to(drf::not_found));
}

/// A route with and without its trailing slash, and the methods that it says it allows in every answer.
fn at(
    path: &str,
    allow: &'static str,
) -> Resource<
    impl actix_web::dev::ServiceFactory<
        actix_web::dev::ServiceRequest,
        Config = (),
        Response = actix_web::dev::ServiceResponse,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    web::resource([path.to_owned(), format!("{path}/")]).wrap(DefaultHeaders::new().add(("Allow", allow)))
}

/// The address of the client: the peer's, or what a trusted proxy says of it. None for a peer on a Unix socket.
fn client_address(request: &HttpRequest, state: &AppState) -> Option<IpAddr> {
    let trusted = |address: &IpAddr| state.trusted_proxies.iter().any(|network| network.contains(address));
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    if state.trusted_proxies.is_empty() || !peer.as_ref().is_none_or(trusted) {
        return peer;
    }
    let forwarded = request.headers().get_all("X-Forwarded-For").filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
    // Each proxy appends who spoke to it, so the last address that is no proxy of ours is the client's.
    let mut client = peer;
    for hop in hops.iter().rev() {
        let Ok(address) = hop.parse::<IpAddr>() else { break };
        client = Some(address.to_canonical());
        if !trusted(&address.to_canonical()) {
            break;
        }
    }
    client
}
