//! What lies between a connection and a route: the client's address, request ids, CORS, the fast lane, and the layer
//! that knows the connection.

mod connection;
mod cross_origin;
mod fast_lane;
mod hops;
mod origin;
mod outer;
mod peer;
mod refused;
pub mod request_id;
mod trusted_proxies;

pub use connection::Connection;
pub use cross_origin::{cross_origin, is_preflight};
pub use fast_lane::FastLane;
pub use origin::origin;
pub use outer::OuterLayer;
pub use peer::{base_url, client_address, is_https};
pub use refused::refused;
pub use request_id::identify_and_log;
pub use trusted_proxies::TrustedProxies;
