//! Introspection: whether a token is active, and whose it is. Most requests ask for this. They are answered from the
//! cache while it is in sync.

mod answer;
mod authenticate;
mod client_limits;
mod feed;
mod introspect;
mod lookup;
mod lookup_batcher;
mod usage;
mod watch;

use std::sync::Arc;

use super::base::Base;
use super::cache::Cache;
use super::database::Database;
use super::metrics::Metrics;
use super::policy::Policy;
use crate::domain::time::{Clock, Uptime};
use crate::store::StoreError;
pub use answer::{Identity, Introspection};
use authenticate::Clients;
use client_limits::ClientLimits;
pub use client_limits::ClientOrigin;
use feed::ChangeFeed;
pub use feed::Feed;
pub(in crate::service) use lookup::TokenStatus;
use lookup_batcher::LookupBatcher;
use usage::PendingUsage;
pub(in crate::service) use usage::{USE_INTERVAL, UserUsage};
pub use watch::Watch;

/// Looks up tokens and clients: authentication, introspection, and the usage of tokens.
pub struct Introspect {
    database: Database,
    clock: Clock,
    policy: Arc<Policy>,
    metrics: Arc<Metrics>,
    cache: Arc<Cache>,
    feed: Arc<ChangeFeed>,
    lookups: LookupBatcher,
    usage: PendingUsage,
    clients: Clients,
    client_limits: ClientLimits,
}

impl Introspect {
    /// Starts to look up what `cache` does not hold.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub(in crate::service) fn start(base: &Base, cache: &Arc<Cache>) -> Result<Self, StoreError> {
        let Base { database, clock, policy, metrics } = base;
        let lookups = LookupBatcher::start(&database.store, cache, metrics, database.timeout())
            .map_err(|error| StoreError::Unusable(format!("cannot start a thread for lookups: {error}")))?;
        Ok(Self {
            database: database.clone(),
            clock: clock.clone(),
            policy: Arc::clone(policy),
            metrics: Arc::clone(metrics),
            cache: Arc::clone(cache),
            feed: Arc::default(),
            lookups,
            usage: PendingUsage::default(),
            clients: Clients::default(),
            client_limits: ClientLimits::new(policy.client_limit_address),
        })
    }

    /// Forgets failures that no longer count, and frees their memory.
    pub(in crate::service) fn sweep_limits(&self, now: Uptime) {
        self.client_limits.sweep(now);
    }
}
