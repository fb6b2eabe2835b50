//! A file for each route.

mod admin_users;
mod admin_users_create;
mod health;
mod hostile;
mod introspect;
mod introspect_callers;
mod login;
mod login_accept;
mod login_bodies;
mod login_limits;
mod login_modes;
mod login_rehash;
mod login_single;
mod me;
mod regenerate;
mod request_id;
