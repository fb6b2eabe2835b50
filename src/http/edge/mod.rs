//! What lies between a connection and a route: request ids, CORS, the fast lane, answers to requests that reach no
//! route, and the outer layer, which has access to the state of the connection.

pub mod cross_origin;
mod fast_lane;
mod outer;
mod refused;
pub mod request_id;

pub use fast_lane::FastLane;
pub use outer::OuterLayer;
pub use refused::refused;
pub use request_id::identify_and_log;
