//! The admin API: for staff, in DRF's shapes.

pub mod audit;
pub mod explain;
pub mod regenerate;
pub mod tokens;
pub mod users;
