//! `/healthz`, `/readyz`, `/metrics`: for whoever runs it.

mod health;
mod metrics;
