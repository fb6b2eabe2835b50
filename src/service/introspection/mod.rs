//! Introspection: whether a token is active, and whose it is. Most requests ask for this. They are answered from the
//! cache while it is in sync.

mod answer;
mod authenticate;
mod changes;
mod client_checks;
mod client_limits;
mod client_usage;
mod feed;
mod follow;
mod followers;
mod introspect;
mod lookup;
mod lookup_batcher;
mod source;
mod upstream_answer;
mod usage;
mod watch;

use std::sync::Arc;

use super::base::Base;
use super::cache::Cache;
use super::database::Database;
use super::error::Error;
use super::metrics::Metrics;
use super::policy::Policy;
use crate::domain::time::{Clock, Uptime};
use crate::store::StoreError;
use crate::upstream::Upstream;
pub use answer::{Identity, Introspection};
use authenticate::Clients;
pub use authenticate::{AcceptedClient, RememberedClient};
pub use changes::Feed;
pub use client_checks::{CheckCaller, CheckedClient};
use client_limits::ClientLimits;
pub use client_limits::ClientOrigin;
use feed::ChangeFeed;
use followers::Followers;
pub use followers::{Follower, FollowerName};
pub(in crate::service) use lookup::TokenStatus;
use source::{DatabaseSource, Source, UpstreamSource};
use usage::PendingUsage;
pub(in crate::service) use usage::{USE_INTERVAL, UserUsage, is_extended_by_use};
pub use watch::Watch;

/// Looks up tokens and clients: authentication, introspection, and the usage of tokens.
pub struct Introspect {
    source: Source,
    clock: Clock,
    policy: Arc<Policy>,
    metrics: Arc<Metrics>,
    cache: Arc<Cache>,
    feed: Arc<ChangeFeed>,
    usage: PendingUsage,
    clients: Clients,
    client_limits: ClientLimits,
    followers: Followers,
}

impl Introspect {
    /// Starts to look up in the database what `cache` does not hold.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub(in crate::service) fn start(base: &Base, cache: &Arc<Cache>) -> Result<Self, StoreError> {
        let Base { database, clock, policy, metrics } = base;
        let source = Source::Database(DatabaseSource::start(database, cache, metrics)?);
        Ok(Self::of(source, Arc::default(), clock, policy, metrics, cache))
    }

    /// Starts to ask an upstream for what `cache` does not hold.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub(in crate::service) fn start_edge(
        upstream: &Upstream,
        clock: &Clock,
        policy: &Arc<Policy>,
        metrics: &Arc<Metrics>,
        cache: &Arc<Cache>,
    ) -> Result<Self, StoreError> {
        let feed = Arc::default();
        let source = UpstreamSource::start(upstream, policy, metrics, cache, &feed)?;
        Ok(Self::of(Source::Upstream(source), feed, clock, policy, metrics, cache))
    }

    fn of(
        source: Source,
        feed: Arc<ChangeFeed>,
        clock: &Clock,
        policy: &Arc<Policy>,
        metrics: &Arc<Metrics>,
        cache: &Arc<Cache>,
    ) -> Self {
        Self {
            source,
            clock: clock.clone(),
            policy: Arc::clone(policy),
            metrics: Arc::clone(metrics),
            cache: Arc::clone(cache),
            feed,
            usage: PendingUsage::default(),
            clients: Clients::default(),
            client_limits: ClientLimits::new(policy.client_limit_address),
            followers: Followers::default(),
        }
    }

    /// The database.
    ///
    /// # Errors
    /// At an edge, which has none.
    fn database(&self) -> Result<&Database, Error> {
        self.database_source().map(|source| &source.database)
    }

    /// The database, and its lookups.
    ///
    /// # Errors
    /// At an edge, which has none.
    fn database_source(&self) -> Result<&DatabaseSource, Error> {
        match &self.source {
            Source::Database(source) => Ok(source),
            Source::Upstream(_) => Err(Error::Store(StoreError::Unusable("an edge has no database".into()))),
        }
    }

    /// Forgets failures that no longer count, and frees their memory.
    pub(in crate::service) fn sweep_limits(&self, now: Uptime) {
        self.client_limits.sweep(now);
    }
}
