//! For operators: probes, metrics, the OpenAPI document and the page that shows it.

pub mod docs;
pub mod health;
pub mod metrics;
pub mod openapi;
