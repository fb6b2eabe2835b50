//! The client libraries of `clients/`, and the example that uses one, run for real against jeton.

mod django;
mod python;
