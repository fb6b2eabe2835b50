//! For whoever runs jeton: probes, metrics, and the page over its own document.

pub mod docs;
pub mod health;
pub mod metrics;
pub mod openapi;
