//! A file for each route.

mod admin_users;
mod admin_users_create;
mod health;
mod hostile;
mod introspect;
mod introspect_callers;
mod regenerate;
mod regenerate_races;
mod request_id;
