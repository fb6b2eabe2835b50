//! This node: its readiness, clock, database files and overview, and its work in the background.

mod checkpoint;
mod clock;
mod clock_watch;
mod expiring_and_unused;
mod health;
mod introspection_hours;
mod nodes;
mod overview;
mod purge;
mod reload;
mod revocation_bound;
mod search_index;
mod stopping;

use std::sync::Arc;

use tokio::sync::watch;

use super::base::Base;
use super::cache::Cache;
use super::counted_hashes::CountedHashes;
use super::database::Database;
use super::metrics::Metrics;
use super::policy::Policy;
use crate::domain::time::{Clock, Timestamp, Uptime};
pub use clock_watch::ClockState;
use clock_watch::ClockWatch;
pub use expiring_and_unused::{CountedTokens, UNUSED};
use health::Health;
pub use health::Readiness;
use introspection_hours::IntrospectionHours;
pub use nodes::{ListedNode, Nodes, list_nodes};
pub use overview::{NodeState, Overview};
pub use purge::PurgeRound;
use revocation_bound::NotedBound;

/// This node.
pub struct Node {
    database: Database,
    clock: Clock,
    policy: Arc<Policy>,
    metrics: Arc<Metrics>,
    cache: Arc<Cache>,
    counted_hashes: Arc<CountedHashes>,
    /// When a stop that has begun ends at the latest.
    stops_at: watch::Sender<Option<Uptime>>,
    health: Health,
    clock_watch: ClockWatch,
    introspection_hours: IntrospectionHours,
    /// What the last count of all tokens has found.
    counted_tokens: watch::Sender<Option<Arc<CountedTokens>>>,
    noted_bound: NotedBound,
    started: Timestamp,
}

impl Node {
    pub(in crate::service) fn new(base: &Base, cache: &Arc<Cache>, counted_hashes: &Arc<CountedHashes>) -> Self {
        Self {
            database: base.database.clone(),
            clock: base.clock.clone(),
            policy: Arc::clone(&base.policy),
            metrics: Arc::clone(&base.metrics),
            cache: Arc::clone(cache),
            counted_hashes: Arc::clone(counted_hashes),
            stops_at: watch::Sender::new(None),
            health: Health::default(),
            clock_watch: ClockWatch::default(),
            introspection_hours: IntrospectionHours::default(),
            counted_tokens: watch::Sender::new(None),
            noted_bound: NotedBound::default(),
            started: base.clock.now(),
        }
    }
}
