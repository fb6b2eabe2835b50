//! Every endpoint there is, a line for each group of them, and the routes that follow from them.

use actix_web::http::header::{ALLOW, CACHE_CONTROL};
use actix_web::middleware::DefaultHeaders;
use actix_web::web;

use super::document::document;
use super::edge::request_id::FrequentRoutes;
use super::endpoint::{Endpoint, Header, allow};
use super::ops::openapi::Document;
use super::{admin, console, drf, oauth, ops, own};

/// Endpoints that the document shows together.
pub struct Group {
    /// Its name.
    pub name: &'static str,
    /// For whom it is.
    pub text: &'static str,
    /// In the order in which they are shown.
    pub endpoints: Vec<Endpoint>,
}

/// All endpoints, by their groups.
pub fn groups() -> Vec<Group> {
    use admin::{audit, clients, explain, password, regenerate, tokens, users};
    use oauth::{introspect, metadata, revoke, verify};
    use ops::{docs, health, metrics, openapi};
    use own::{login, logout, me};
    let group = |name, text, files: &[fn() -> Vec<Endpoint>]| {
        let endpoints = files.iter().flat_map(|endpoints| endpoints()).collect();
        Group { name, text, endpoints }
    };
    vec![
        group("Login", "For whoever has a password.", &[login::endpoints, logout::endpoints, me::endpoints]),
        group(
            "OAuth",
            "For services that are shown a token.",
            &[introspect::endpoints, revoke::endpoints, metadata::endpoints, verify::endpoints],
        ),
        group("Own tokens", "For whoever has a token.", &[own::tokens::endpoints]),
        group("Users", "For staff.", &[users::endpoints, password::endpoints]),
        group("Tokens", "For staff.", &[tokens::endpoints, regenerate::endpoints, explain::endpoints]),
        group("Clients", "For superusers.", &[clients::endpoints]),
        group("Audit", "For staff.", &[audit::endpoints]),
        group(
            "Service",
            "For whoever runs it.",
            &[health::endpoints, metrics::endpoints, openapi::endpoints, docs::endpoints],
        ),
    ]
}

/// All endpoints. The console's pages are not among them: they are for people.
#[must_use]
pub fn endpoints() -> Vec<Endpoint> {
    groups().into_iter().flat_map(|group| group.endpoints).collect()
}

/// Every route but that of the metrics.
pub fn routes(config: &mut web::ServiceConfig) {
    let metrics: Vec<&str> = ops::metrics::endpoints().iter().map(Endpoint::path).collect();
    serve(config, endpoints().into_iter().filter(|endpoint| !metrics.contains(&endpoint.path())));
    config
        .app_data(web::Data::new(Document(document().to_string().into())))
        .configure(console::routes)
        .default_service(web::to(drf::not_found));
}

/// `/metrics`: with the other routes, or alone on an address of its own (`JETON_METRICS_LISTEN`).
pub fn metrics_routes(config: &mut web::ServiceConfig) {
    serve(config, ops::metrics::endpoints());
}

/// A resource for each path, with the methods that it says it allows in every answer.
fn serve(config: &mut web::ServiceConfig, endpoints: impl IntoIterator<Item = Endpoint>) {
    let mut paths: Vec<Vec<Endpoint>> = Vec::new();
    for endpoint in endpoints {
        match paths.iter_mut().find(|known| known[0].path() == endpoint.path()) {
            Some(known) => known.push(endpoint),
            None => paths.push(vec![endpoint]),
        }
    }
    config.app_data(FrequentRoutes::of(&self::endpoints()));
    for endpoints in paths {
        let mut headers = DefaultHeaders::new();
        if let Some(allow) = allow(&endpoints) {
            headers = headers.add((ALLOW, allow));
        }
        // No answer may be kept by anybody, refusals neither.
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
