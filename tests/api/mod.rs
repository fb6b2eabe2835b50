//! A file for each route.

mod health;
mod verify;
