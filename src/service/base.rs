//! What every group of verbs is built from.

use std::sync::Arc;

use super::database::Database;
use super::metrics::Metrics;
use super::policy::Policy;
use crate::domain::time::Clock;

/// What every group is built from.
pub struct Base {
    pub database: Database,
    pub clock: Clock,
    pub policy: Arc<Policy>,
    pub metrics: Arc<Metrics>,
}
