//! One test program: the real server on a port of its own, the real binary, real databases.

mod api;
mod commands;
mod layers;
mod outage;
mod serve;
mod settings;
mod stolen;
mod store;
mod support;
