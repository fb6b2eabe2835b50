//! HTTP: the only room besides `server` that uses actix. `endpoints.rs` lists every endpoint; each stands beside its
//! handler, in a file of its group.

mod account;
mod admin;
mod answer;
mod budget;
mod caller;
mod connection;
mod console;
mod document;
mod drf;
mod edge;
mod endpoint;
mod endpoints;
mod error;
mod extract;
mod oauth;
mod ops;
mod options;
mod own;
mod peer;
mod preflight;
mod routes;
mod shadow;
mod state;
mod trusted_proxies;

pub use account::account_pages;
pub use admin::password_link::password_link_url;
pub use connection::Connection;
pub use console::{WebPage, console_pages};
pub use document::{document, document_with};
pub use edge::cross_origin::cross_origin;
pub use edge::{FastLane, OuterLayer, identify_and_log, refused};
pub use endpoint::{Access, Endpoint};
pub use endpoints::{endpoints, is_reserved};
pub use options::{HttpOptions, KeySources, LOGIN_PATH, LoginFormat, LoginOptions};
pub use routes::{edge_routes, metrics_routes, only_metrics_routes, routes};
pub use shadow::{Asker, Job, ShadowPaths, ShadowState, ask_all, pass};
pub use state::AppState;
