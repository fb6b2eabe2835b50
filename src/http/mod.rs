//! HTTP: the only room besides `server` that uses actix. `endpoints.rs` lists every endpoint; each stands beside its
//! handler, in a file of its group.

mod admin;
mod caller;
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
mod routes;
mod state;

pub use caller::KeySources;
pub use document::document;
pub use edge::{Connection, FastLane, OuterLayer, cross_origin, identify_and_log, refused};
pub use endpoint::{Access, Endpoint};
pub use endpoints::endpoints;
pub use options::HttpOptions;
pub use routes::{metrics_routes, routes};
pub use state::AppState;
