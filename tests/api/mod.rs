//! A file for each route.

mod health;
mod login;
mod login_accept;
mod login_bodies;
mod login_limits;
mod login_modes;
mod login_rehash;
mod login_single;
mod me;
