//! After which time everybody knows of a revocation.
//!
//! All nodes of a database should have the same `JETON_REVOCATION_BOUND`, and commands too. In case they do not, the
//! node that starts notes its own in the database, and whoever waits takes the larger one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::domain::time::Uptime;
use crate::service::{Error, Node};
use crate::store::Store;

/// The bound in the database when it was read last.
#[derive(Default)]
pub(super) struct NotedBound(AtomicU64);

impl NotedBound {
    fn set(&self, bound: Duration) {
        self.0.store(bound.as_nanos().try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

impl Node {
    /// Notes this node's bound in the database. Warns if the node that was started before had another one.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn note_revocation_bound(&self) -> Result<(), Error> {
        let own = self.policy.revocation_bound;
        let before = self.database.run(move |store| store.note_revocation_bound(own)).await?;
        self.noted_bound.set(before.unwrap_or(own));
        if let Some(before) = before.filter(|before| *before != own) {
            log::warn!(
                "JETON_REVOCATION_BOUND is {own:?} here, and was {before:?} at the node of this database that was \
                 started before: all its nodes, edges and commands need the same"
            );
        }
        Ok(())
    }

    /// Waits until every node, and everybody who follows `/changes`, knows of what was committed before this call.
    ///
    /// The change has been made by now, and its answer may hold a new key: a database that fails here takes neither back.
    ///
    /// # Errors
    /// [`Error::Stopping`] as soon as it is known that this node stops earlier.
    pub async fn wait_until_known(&self) -> Result<(), Error> {
        let (since, own) = (Uptime::now(), self.policy.revocation_bound);
        match self.database.run(Store::revocation_bound).await {
            Ok(noted) => self.noted_bound.set(noted.unwrap_or(own)),
            Err(error) => {
                log::warn!("the noted JETON_REVOCATION_BOUND cannot be read, so the last one counts: {error}");
            }
        }
        let bound = self.noted_bound.get().max(own);
        let ends = since.after(bound);
        let mut stops_at = self.stops_at.subscribe();
        let stops_earlier = stops_at.wait_for(|at| at.is_some_and(|at| at < ends));
        match tokio::time::timeout(ends.since(Uptime::now()), stops_earlier).await {
            Err(_elapsed) => Ok(()),
            Ok(_) => Err(Error::Stopping),
        }
    }
}
