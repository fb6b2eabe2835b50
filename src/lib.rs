//! jeton: tokens for a fleet of services.
//!
//! `main -> cli -> server -> config -> http -> service -> upstream -> store -> domain`: an arrow may skip rooms, never
//! turn back.

#![warn(missing_docs)]

pub mod cli;
pub mod config;
pub mod domain;
pub mod http;
pub mod logging;
pub mod server;
pub mod service;
pub mod store;
pub mod upstream;
