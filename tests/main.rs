//! One test program: the real server on a port of its own, the real binary, real databases.

mod api;
mod layers;
mod outage;
mod stolen;
mod store;
mod support;
