//! After which time everybody knows of a revocation.
//!
//! All nodes of a database should have the same `JETON_REVOCATION_BOUND`, and commands too. In case they do not, the
//! node that starts notes its own in the database, and whoever waits takes the larger one.

use std::time::Duration;

use crate::domain::time::Uptime;
use crate::service::{Error, Node};
use crate::store::Store;

impl Node {
    /// Notes this node's bound in the database. Warns if the node that was started before had another one.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn note_revocation_bound(&self) -> Result<(), Error> {
        let own = self.policy.revocation_bound;
        let before = self.database.run(move |store| store.note_revocation_bound(own)).await?;
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
    /// # Errors
    /// [`Error::Stopping`] as soon as it is known that this node stops earlier; [`Error::Store`].
    pub async fn wait_until_known(&self) -> Result<(), Error> {
        let since = Uptime::now();
        let noted = self.database.run(Store::revocation_bound).await?;
        let bound = noted.unwrap_or(Duration::ZERO).max(self.policy.revocation_bound);
        let ends = since.after(bound);
        let mut stops_at = self.stops_at.subscribe();
        let stops_earlier = stops_at.wait_for(|at| at.is_some_and(|at| at < ends));
        match tokio::time::timeout(ends.since(Uptime::now()), stops_earlier).await {
            Err(_elapsed) => Ok(()),
            Ok(_) => Err(Error::Stopping),
        }
    }
}
