//! Introspection: whether a token is active, and whose it is. Most requests ask for this. They are answered from the
//! cache while it is in sync.

mod answer;
mod authenticate;
pub mod cache;
mod client_limits;
mod feed;
mod introspect;
mod lookup;
mod lookup_batcher;
mod usage;
mod watch;

use std::sync::Arc;

use super::database::{Database, request_timeout};
use super::{Metrics, Policy};
use crate::domain::time::Clock;
use crate::store::{Store, StoreError};
pub use answer::{Identity, Introspection};
use authenticate::Clients;
pub use authenticate::{AuthenticationFault, Holder};
use cache::Cache;
pub(in crate::service) use client_limits::ClientLimits;
pub use client_limits::ClientOrigin;
use feed::ChangeFeed;
pub use feed::Feed;
pub use lookup::Reason;
pub(in crate::service) use lookup::TokenStatus;
use lookup_batcher::LookupBatcher;
use usage::PendingUsage;
pub(in crate::service) use usage::USE_INTERVAL;
pub use watch::Watch;

/// Looks up tokens and clients: authentication, introspection, and the usage of tokens.
pub struct Introspect {
    database: Database,
    clock: Clock,
    policy: Arc<Policy>,
    metrics: Arc<Metrics>,
    pub(in crate::service) cache: Arc<Cache>,
    feed: Arc<ChangeFeed>,
    lookups: LookupBatcher,
    usage: PendingUsage,
    clients: Clients,
    pub(in crate::service) client_limits: ClientLimits,
}

impl Introspect {
    /// Starts with an empty cache. A change made through the returned database is applied to this cache at once.
    pub(in crate::service) fn start(
        store: Store,
        clock: &Clock,
        policy: &Arc<Policy>,
        metrics: &Arc<Metrics>,
    ) -> Result<(Self, Database), StoreError> {
        let cache =
            Cache::new(policy.cache_bytes, policy.revocation_bound, policy.stale_if_error).ok_or_else(|| {
                StoreError::Unusable("JETON_CACHE_BYTES: the operating system does not give that much memory".into())
            })?;
        let cache = Arc::new(cache);
        let observing_cache = Arc::clone(&cache);
        let store = store.on_change(move |change| observing_cache.apply(&change));
        let lookups = LookupBatcher::start(&store, &cache, metrics, request_timeout(policy.database_timeout))
            .map_err(|error| StoreError::Unusable(format!("cannot start a thread for lookups: {error}")))?;
        let database = Database::new(store, policy.database_timeout);
        let client_limits = ClientLimits::new(policy.client_limit_address);
        let (usage, clients) = (PendingUsage::default(), Clients::default());
        let (clock, policy, metrics) = (clock.clone(), Arc::clone(policy), Arc::clone(metrics));
        let this = Self {
            database: database.clone(),
            clock,
            policy,
            metrics,
            cache,
            feed: Arc::default(),
            lookups,
            usage,
            clients,
            client_limits,
        };
        Ok((this, database))
    }
}
