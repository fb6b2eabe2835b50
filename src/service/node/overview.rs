//! The overview of the console: numbers, activity and health.

use std::time::Duration;

use crate::domain::time::{Stopwatch, Timestamp, Uptime};
use crate::service::{Error, Node, Nodes, Results, Staff};
use crate::store::{LiveTokenCount, LoginHours, MostRefused, Store, StoreError, UserCounts};

/// How many hours back logins are counted.
const HOURS: usize = 24;

/// The state of the service. `None`: it could not be counted in time.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The number of users.
    pub users: Option<UserCounts>,
    /// The number of live tokens, and when they were counted, if that was not now.
    pub live_tokens: Option<(LiveTokenCount, Option<Timestamp>)>,
    /// Logins of the last day by hour.
    pub logins: Option<LoginHours<HOURS>>,
    /// The names and addresses with the most refused logins of the last day.
    pub refused: Option<MostRefused>,
    /// Introspections of the last 24 hours of the clock by hour, the current one last; of this node since its start.
    pub introspections: [Results; HOURS],
    /// Now.
    pub now: Timestamp,
    /// This node.
    pub node: NodeState,
    /// All nodes of the database.
    pub nodes: Option<Nodes>,
}

/// The state of one node.
#[derive(Clone, Copy, Debug)]
pub struct NodeState {
    /// The name of the database system.
    pub database_system: &'static str,
    /// How long the database took to answer; `None`: it did not, or its schema is not usable.
    pub database_answered_in: Option<Duration>,
    /// Whether there is an introspection cache.
    pub has_cache: bool,
    /// The age of the last sync with the database.
    pub sync_age: Option<Duration>,
    /// Whether that is recent enough to serve cached answers.
    pub is_fresh: bool,
}

impl Node {
    /// The overview. What cannot be counted in time is left out, so that the page works while the database is slow or
    /// down.
    pub async fn overview(&self, _: &Staff) -> Result<Overview, Error> {
        let now = self.clock.now();
        let asked = Stopwatch::start();
        let is_usable = self.schema().await.is_ok_and(|schema| schema.is_usable());
        let database_answered_in = is_usable.then(|| asked.elapsed());
        let (users, live_tokens, logins, refused, nodes) = futures_util::future::join5(
            self.try_count(Store::count_users),
            self.try_count(move |store| store.count_live_tokens(now)),
            self.try_count(move |store| store.count_logins(now)),
            self.try_count(move |store| store.most_refused(now)),
            self.list_nodes(),
        )
        .await;
        let live_tokens = live_tokens.map(|counted| match self.counted_tokens().filter(|_| !counted.is_whole) {
            Some(all) => (LiveTokenCount { count: all.live, is_whole: true }, Some(all.at)),
            None => (counted, None),
        });
        let cache = &self.cache;
        let sync_age = cache.sync_age(Uptime::now());
        let node = NodeState {
            database_system: self.database.store.url().system(),
            database_answered_in,
            has_cache: cache.is_on(),
            sync_age,
            is_fresh: sync_age.is_some_and(|age| age < self.policy.revocation_bound),
        };
        let introspections = self.introspection_hours();
        Ok(Overview { users, live_tokens, logins, refused, introspections, now, node, nodes })
    }

    pub(super) async fn try_count<T: Send + 'static>(
        &self,
        count: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Option<T> {
        let counted = self.database.run(count).await;
        counted
            .inspect_err(|error| log::log!(error.level(), "a count is missing in the console's overview: {error}"))
            .ok()
    }
}
