//! One test program: the real server on a port of its own, the real binary, real databases.

mod api;
mod gateways;
mod layers;
mod support;
