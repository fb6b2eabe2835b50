//! One test program: the real server on a port of its own, the real binary, real databases.

mod api;
mod layers;
mod purge;
mod rfc;
mod support;
mod uses;
