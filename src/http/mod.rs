//! The only room that speaks actix: the route table, and one file a route.

mod admin;
mod body;
mod caller;
mod connection;
mod console;
mod cross_origin;
mod docs;
mod drf;
mod error;
mod fast_lane;
mod fields;
mod front;
mod health;
mod hops;
mod introspect;
mod login;
mod logout;
mod me;
mod media_type;
mod metadata;
mod metrics;
mod oauth;
mod openapi;
mod options;
mod pages;
mod peer;
mod refused;
mod request_id;
mod revoke;
mod tokens;
mod trusted_proxies;
mod verify;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::middleware::DefaultHeaders;
use actix_web::{Resource, web};

use crate::service::Service;
use body::Budget;
pub use caller::KeyPlaces;
pub use connection::Connection;
pub use cross_origin::cross_origin;
pub use fast_lane::FastLane;
pub use front::Front;
pub use openapi::document;
pub use options::HttpOptions;
use peer::{base_url, client_address, is_https};
pub use refused::refused;
pub use request_id::surround;
use trusted_proxies::TrustedProxies;

/// What every handler may use.
pub struct AppState {
    /// The verbs.
    pub service: Service,
    /// What the operator decides.
    pub options: HttpOptions,
    /// Whose `X-Forwarded-For` counts.
    trusted_proxies: TrustedProxies,
    /// What bodies hold of callers who are not known yet.
    bodies: Budget,
    /// What bodies hold of callers whose head says who they are.
    known_bodies: Budget,
}

impl AppState {
    /// For all workers of one server.
    #[must_use]
    pub fn new(service: Service, options: HttpOptions) -> Self {
        Self {
            service,
            trusted_proxies: TrustedProxies::new(options.trusted_proxies.clone()),
            bodies: Budget::of_strangers(),
            known_bodies: Budget::of_known(),
            options,
        }
    }
}

/// Every route there is.
#[expect(clippy::too_many_lines, reason = "the table of routes is read in one piece")]
pub fn routes(config: &mut web::ServiceConfig) {
    let other = || web::to(drf::other_method);
    config
        .service(at("/api-token-auth", "POST, OPTIONS").to(login::login))
        .service(
            at("/introspect", introspect::ALLOWED)
                .wrap(no_store())
                .route(web::post().to(introspect::introspect))
                .default_service(other()),
        )
        .service(
            at("/introspect/batch", "POST, OPTIONS")
                .wrap(no_store())
                .route(web::post().to(introspect::introspect_batch))
                .default_service(other()),
        )
        .service(
            at("/revoke", "POST, OPTIONS")
                .wrap(no_store())
                .route(web::post().to(revoke::revoke))
                .default_service(other()),
        )
        .service(
            at("/me", "GET, PATCH, HEAD, OPTIONS")
                .route(web::get().to(me::me))
                .route(web::head().to(me::me))
                .route(web::patch().to(me::update))
                .default_service(other()),
        )
        .service(
            at("/me/password", "POST, OPTIONS")
                .wrap(no_store())
                .route(web::post().to(me::change_password))
                .default_service(other()),
        )
        .service(
            at("/tokens", "GET, POST, HEAD, OPTIONS")
                .route(web::get().to(tokens::list))
                .route(web::head().to(tokens::list))
                .route(web::post().to(tokens::create))
                .default_service(other()),
        )
        .service(at("/tokens/{id}", "DELETE, OPTIONS").route(web::delete().to(tokens::revoke)).default_service(other()))
        .service(at("/logout", "POST, OPTIONS").route(web::post().to(logout::logout)).default_service(other()))
        .service(at("/logoutall", "POST, OPTIONS").route(web::post().to(logout::logoutall)).default_service(other()))
        .service(
            web::resource(["/auth/verify", "/auth/verify/{below:.*}"])
                .wrap(DefaultHeaders::new().add(("Cache-Control", "no-store")))
                .to(verify::verify),
        )
        .service(
            at("/admin/users", "GET, POST, HEAD, OPTIONS")
                .route(web::get().to(admin::users::list))
                .route(web::head().to(admin::users::list))
                .route(web::post().to(admin::users::create))
                .default_service(other()),
        )
        .service(
            at("/admin/users/{username}", "GET, PATCH, DELETE, HEAD, OPTIONS")
                .route(web::get().to(admin::users::show))
                .route(web::head().to(admin::users::show))
                .route(web::patch().to(admin::users::update))
                .route(web::delete().to(admin::users::delete))
                .default_service(other()),
        )
        .service(
            at("/admin/users/{username}/password", "POST, OPTIONS")
                .route(web::post().to(admin::password::set_password))
                .default_service(other()),
        )
        .service(
            at("/admin/users/{username}/regenerate", "POST, OPTIONS")
                .route(web::post().to(admin::regenerate::regenerate))
                .default_service(other()),
        )
        .service(
            at("/admin/users/{username}/tokens", "GET, POST, HEAD, OPTIONS")
                .route(web::get().to(admin::tokens::list))
                .route(web::head().to(admin::tokens::list))
                .route(web::post().to(admin::tokens::create))
                .default_service(other()),
        )
        .service(
            at("/admin/tokens/{id}", "DELETE, OPTIONS")
                .route(web::delete().to(admin::tokens::revoke))
                .default_service(other()),
        )
        .service(
            at("/admin/clients", "GET, POST, HEAD, OPTIONS")
                .route(web::get().to(admin::clients::list))
                .route(web::head().to(admin::clients::list))
                .route(web::post().to(admin::clients::create))
                .default_service(other()),
        )
        .service(
            at("/admin/clients/{client_id}", "DELETE, OPTIONS")
                .route(web::delete().to(admin::clients::delete))
                .default_service(other()),
        )
        .service(
            at("/admin/clients/{client_id}/rotate", "POST, OPTIONS")
                .route(web::post().to(admin::clients::rotate))
                .default_service(other()),
        )
        .service(
            at("/admin/explain", "POST, OPTIONS")
                .route(web::post().to(admin::explain::explain))
                .default_service(other()),
        )
        .service(
            at("/admin/audit", "GET, HEAD, OPTIONS")
                .route(web::get().to(admin::audit::list))
                .route(web::head().to(admin::audit::list))
                .default_service(other()),
        )
        .service(
            at("/healthz", "GET, HEAD")
                .route(web::get().to(health::healthz))
                .route(web::head().to(health::healthz))
                .default_service(other()),
        )
        .service(
            at("/readyz", "GET, HEAD")
                .route(web::get().to(health::readyz))
                .route(web::head().to(health::readyz))
                .default_service(other()),
        )
        .service(
            at("/.well-known/oauth-authorization-server", "GET, HEAD")
                .route(web::get().to(metadata::metadata))
                .route(web::head().to(metadata::metadata))
                .default_service(other()),
        )
        .service(
            at("/.well-known/oauth-authorization-server/{path:.*}", "GET, HEAD")
                .route(web::get().to(metadata::metadata_of_path))
                .route(web::head().to(metadata::metadata_of_path))
                .default_service(other()),
        )
        .configure(console::routes)
        .app_data(web::Data::new(openapi::Document::new()))
        .service(
            at("/openapi.json", "GET, HEAD")
                .route(web::get().to(openapi::openapi))
                .route(web::head().to(openapi::openapi))
                .default_service(other()),
        )
        .service(
            at("/docs", "GET, HEAD")
                .route(web::get().to(docs::docs))
                .route(web::head().to(docs::docs))
                .default_service(other()),
        )
        .service(
            at("/docs/{file}", "GET, HEAD")
                .route(web::get().to(docs::file))
                .route(web::head().to(docs::file))
                .default_service(other()),
        )
        .default_service(web::to(drf::not_found));
}

/// `/metrics`: with the other routes, or alone on an address of its own (`JETON_METRICS_LISTEN`).
pub fn metrics_routes(config: &mut web::ServiceConfig) {
    config.service(
        at("/metrics", "GET, HEAD")
            .route(web::get().to(metrics::metrics))
            .route(web::head().to(metrics::metrics))
            .default_service(web::to(drf::other_method)),
    );
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

/// No answer of these routes may be kept by anybody, refusals neither.
fn no_store() -> DefaultHeaders {
    DefaultHeaders::new().add((CACHE_CONTROL, "no-store"))
}
