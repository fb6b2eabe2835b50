//! All endpoints, in groups.

use super::endpoint::Endpoint;
use super::options::LOGIN_PATH;
use super::options::LoginOptions;
use super::{admin, oauth, ops, own};

/// A group of endpoints: a tag of the OpenAPI document.
pub struct Group {
    /// Its name.
    pub name: &'static str,
    /// Who uses it.
    pub text: &'static str,
    /// In the order in which they are shown.
    pub endpoints: Vec<Endpoint>,
}

/// All endpoints, by their groups.
pub fn groups(login: &LoginOptions) -> Vec<Group> {
    use admin::{audit, clients, explain, password, password_link, regenerate, tokens, users};
    use oauth::{changes, introspect, metadata, revoke, verify};
    use ops::{docs, health, metrics, openapi};
    let group = |name, text, files: &[fn() -> Vec<Endpoint>]| {
        let endpoints = files.iter().flat_map(|endpoints| endpoints()).collect();
        Group { name, text, endpoints }
    };
    let mut signing_in = group("Login", "For users with a password.", &[own::me::endpoints]);
    signing_in.endpoints.splice(0..0, own::login::endpoints(login).into_iter().chain(own::logout::endpoints(login)));
    vec![
        signing_in,
        group(
            "OAuth",
            "For services that check tokens.",
            &[introspect::endpoints, changes::endpoints, revoke::endpoints, metadata::endpoints, verify::endpoints],
        ),
        group("Own tokens", "For holders of a token.", &[own::tokens::endpoints]),
        group("Users", "For staff.", &[users::endpoints, password::endpoints, password_link::endpoints]),
        group("Tokens", "For staff.", &[tokens::endpoints, regenerate::endpoints, explain::endpoints]),
        group("Clients", "For superusers.", &[clients::endpoints]),
        group("Audit", "For staff.", &[audit::endpoints]),
        group(
            "Service",
            "For operators.",
            &[health::endpoints, metrics::endpoints, openapi::endpoints, docs::endpoints],
        ),
    ]
}

/// The endpoints of an edge, except `/metrics`. Everything else needs a database.
#[must_use]
pub fn edge_endpoints() -> Vec<Endpoint> {
    use oauth::{changes, introspect, verify};
    [introspect::endpoints, changes::endpoints, verify::endpoints, ops::health::endpoints]
        .into_iter()
        .flat_map(|endpoints| endpoints())
        .collect()
}

/// All endpoints. The console's pages are not among them: they are for people.
#[must_use]
pub fn endpoints() -> Vec<Endpoint> {
    endpoints_with(&LoginOptions::default())
}

/// All endpoints, with the login that the settings describe.
#[must_use]
pub fn endpoints_with(login: &LoginOptions) -> Vec<Endpoint> {
    groups(login).into_iter().flat_map(|group| group.endpoints).collect()
}

/// First segments of pages.
const PAGES: [&str; 4] = ["account", "admin", "console", "docs"];

/// Whether this path, which ends with a slash, leads to something else than the login.
#[must_use]
pub fn is_reserved(path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    PAGES.contains(&first) || endpoints().iter().any(|endpoint| endpoint.path() != LOGIN_PATH && endpoint.is_at(path))
}
