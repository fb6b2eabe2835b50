//! Builds actix's routes from the list of endpoints.

use actix_web::http::header::{ALLOW, CACHE_CONTROL};
use actix_web::middleware::DefaultHeaders;
use actix_web::web;

use super::document::document_with;
use super::edge::cross_origin::CrossOriginRoutes;
use super::edge::request_id::FrequentRoutes;
use super::endpoint::{Endpoint, Header, allow};
use super::endpoints::{edge_endpoints, endpoints_with};
use super::ops::openapi::Document;
use super::options::LoginOptions;
use super::{account, console, drf, ops};

/// Every route except `/metrics`.
pub fn routes(config: &mut web::ServiceConfig, login: &LoginOptions) {
    let metrics: Vec<&str> = ops::metrics::endpoints().iter().map(Endpoint::path).collect();
    let all = endpoints_with(login);
    config.app_data(FrequentRoutes::of(&all)).app_data(CrossOriginRoutes::of(&all));
    serve(config, all.into_iter().filter(|endpoint| !metrics.contains(&endpoint.path())));
    config
        .app_data(web::Data::new(Document(document_with(login).to_string().into())))
        .configure(console::routes)
        .configure(account::routes)
        .default_service(web::to(drf::not_found));
}

/// The routes of an edge, except `/metrics`.
pub fn edge_routes(config: &mut web::ServiceConfig) {
    let mut all = edge_endpoints();
    config.app_data(CrossOriginRoutes::of(&all));
    all.extend(ops::metrics::endpoints());
    config.app_data(FrequentRoutes::of(&all)).default_service(web::to(drf::not_found));
    serve(config, edge_endpoints());
}

/// `/metrics`, with the other routes.
pub fn metrics_routes(config: &mut web::ServiceConfig) {
    serve(config, ops::metrics::endpoints());
}

/// `/metrics` alone, on a separate address (`JETON_METRICS_LISTEN`).
pub fn only_metrics_routes(config: &mut web::ServiceConfig) {
    config.app_data(FrequentRoutes::of(&ops::metrics::endpoints()));
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
