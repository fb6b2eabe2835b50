//! The HTTP API, in groups as the URLs are.

mod admin;
mod commands;
mod edge;
mod endpoints;
mod login;
mod oauth;
mod ops;
mod own;
mod profile_fields;
mod rights;
