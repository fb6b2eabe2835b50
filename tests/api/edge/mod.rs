//! The layers through which every request passes, whatever its path.

mod compressed;
mod connections;
mod cross_origin;
mod fast_lane;
mod hostile;
mod key_places;
mod proxies;
mod request_id;
