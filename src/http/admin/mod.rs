//! The admin API: for staff, in DRF's shapes.

pub mod regenerate;
pub mod users;
