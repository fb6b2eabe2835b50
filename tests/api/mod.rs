//! A file for each route.

mod audit;
mod audit_list;
mod audit_whole;
mod batch;
mod commands;
mod expiry;
mod explain;
mod health;
mod limit;
mod logout;
mod metadata;
mod prefix;
mod regenerate;
mod revoke;
mod sliding;
mod tokens;
mod tokens_admin;
