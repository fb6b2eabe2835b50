//! `/healthz`, `/readyz`, `/metrics`: for operators.

mod health;
mod metrics;
