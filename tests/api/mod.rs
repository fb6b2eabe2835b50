//! A file for each route.

mod health;
mod introspect;
mod introspect_callers;
mod request_id;
