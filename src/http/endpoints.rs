//! All endpoints, in groups.

use super::endpoint::Endpoint;
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
pub fn groups() -> Vec<Group> {
    use admin::{audit, clients, explain, password, regenerate, tokens, users};
    use oauth::{changes, introspect, metadata, revoke, verify};
    use ops::{docs, health, metrics, openapi};
    use own::{login, logout, me};
    let group = |name, text, files: &[fn() -> Vec<Endpoint>]| {
        let endpoints = files.iter().flat_map(|endpoints| endpoints()).collect();
        Group { name, text, endpoints }
    };
    vec![
        group("Login", "For users with a password.", &[login::endpoints, logout::endpoints, me::endpoints]),
        group(
            "OAuth",
            "For services that check tokens.",
            &[introspect::endpoints, changes::endpoints, revoke::endpoints, metadata::endpoints, verify::endpoints],
        ),
        group("Own tokens", "For holders of a token.", &[own::tokens::endpoints]),
        group("Users", "For staff.", &[users::endpoints, password::endpoints]),
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

/// All endpoints. The console's pages are not among them: they are for people.
#[must_use]
pub fn endpoints() -> Vec<Endpoint> {
    groups().into_iter().flat_map(|group| group.endpoints).collect()
}
