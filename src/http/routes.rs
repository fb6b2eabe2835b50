//! Builds actix's routes from the list of endpoints.

use actix_web::http::header::{ALLOW, CACHE_CONTROL};
use actix_web::middleware::DefaultHeaders;
use actix_web::web;

use super::document::document;
use super::edge::cross_origin::CrossOriginRoutes;
use super::edge::request_id::FrequentRoutes;
use super::endpoint::{Endpoint, Header, allow};
use super::endpoints::endpoints;
use super::ops::openapi::Document;
use super::{console, drf, ops};

/// Every route except `/metrics`.
pub fn routes(config: &mut web::ServiceConfig) {
    let metrics: Vec<&str> = ops::metrics::endpoints().iter().map(Endpoint::path).collect();
    serve(config, endpoints().into_iter().filter(|endpoint| !metrics.contains(&endpoint.path())));
    config
        .app_data(CrossOriginRoutes::of(&endpoints()))
        .app_data(web::Data::new(Document(document().to_string().into())))
        .configure(console::routes)
        .default_service(web::to(drf::not_found));
}

/// `/metrics`: with the other routes, or alone on a separate address (`JETON_METRICS_LISTEN`).
pub fn metrics_routes(config: &mut web::ServiceConfig) {
    serve(config, ops::metrics::endpoints());
}

/// One resource for each path. Every answer of a resource has its `Allow` header.
fn serve(config: &mut web::ServiceConfig, served: impl IntoIterator<Item = Endpoint>) {
    let mut paths: Vec<Vec<Endpoint>> = Vec::new();
    for endpoint in served {
        match paths.iter_mut().find(|known| known[0].path() == endpoint.path()) {
            Some(known) => known.push(endpoint),
            None => paths.push(vec![endpoint]),
        }
    }
    let frequent = endpoints().into_iter().filter(|endpoint| endpoint.is_frequent);
    config.app_data(FrequentRoutes(frequent.flat_map(|endpoint| endpoint.patterns()).collect()));
    for endpoints in paths {
        let mut headers = DefaultHeaders::new();
        if let Some(allow) = allow(&endpoints) {
            headers = headers.add((ALLOW, allow));
        }
        // `no-store` on every answer, errors too.
        if endpoints.iter().any(|endpoint| endpoint.operation.always_has(Header::NoStore)) {
            headers = headers.add((CACHE_CONTROL, "no-store"));
        }
        let mut resource = web::resource(endpoints[0].patterns()).default_service(web::to(drf::other_method));
        for endpoint in endpoints {
            resource = resource.route(endpoint.route());
        }
        config.service(resource.wrap(headers));
    }
}
