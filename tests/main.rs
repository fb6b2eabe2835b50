//! One test program: the real server on a port of its own, the real binary, real databases.

#![allow(clippy::disallowed_methods, reason = "tests run real processes, in a real environment, on the real clock")]
#![allow(
    clippy::format_push_string,
    clippy::format_collect,
    clippy::items_after_statements,
    clippy::similar_names,
    clippy::single_match_else,
    clippy::unchecked_time_subtraction,
    reason = "the shortest way to write a test's text"
)]

mod account;
mod api;
mod book;
mod browser;
mod cache;
mod clients;
mod clocks;
mod commands;
mod console;
mod dba;
mod deploy;
mod documents;
mod edge;
mod freshness;
mod gateways;
mod import;
mod incidents;
mod last_login;
mod layers;
mod lookups;
mod openapi;
mod outage;
mod peers;
mod purge;
mod rfc;
mod serve;
mod settings;
mod shadow;
mod stolen;
mod store;
mod support;
mod upgrade;
mod uses;
