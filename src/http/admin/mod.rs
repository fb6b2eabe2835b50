//! The admin API, for staff. Requests and answers have DRF's form.

pub mod audit;
pub mod clients;
pub mod explain;
pub mod grace;
pub mod password;
pub mod password_link;
pub mod regenerate;
pub mod tokens;
pub mod users;
