//! The client libraries of `clients/`, the example that uses one, and what others write, run for real against jeton.

mod django;
mod python;
mod with;
