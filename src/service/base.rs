//! What every group of the service is built from.

use std::sync::Arc;

use super::database::Database;
use super::metrics::Metrics;
use super::policy::Policy;
use crate::domain::time::Clock;

/// The database, the clock, the policy and the metrics, from which each group takes what it needs.
pub struct Base {
    pub database: Database,
    pub clock: Clock,
    pub policy: Arc<Policy>,
    pub metrics: Arc<Metrics>,
}
