//! Revokes the tokens of many users at once, after an incident.

use crate::service::{Error, Superuser, Tokens};
use crate::store::TokenCounts;
pub use crate::store::TokenFilter;

impl Tokens {
    /// Counts the live tokens that `which` selects.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn count_tokens(&self, which: &TokenFilter, _: &Superuser) -> Result<TokenCounts, Error> {
        let (which, now) = (which.clone(), self.clock.now());
        self.database.without_deadline(move |store| store.count_tokens(&which, now)).await
    }

    /// Revokes all selected tokens that existed when they were counted; newer ones stay. Returns how many were
    /// revoked, including those that may be live only by another node's clock. Calls `on_progress` after each batch.
    ///
    /// # Errors
    /// [`Error::Store`] when it ends early.
    pub async fn revoke_tokens(
        &self,
        which: TokenFilter,
        counted: TokenCounts,
        caller: &Superuser,
        on_progress: impl FnMut(u64),
    ) -> Result<u64, Error> {
        let (by, clock) = (caller.actor.clone(), self.clock.clone());
        self.database
            .in_batches(
                move |store, after, limit| {
                    store.revoke_tokens(&which, (after, counted.newest), limit, &by, clock.now())
                },
                on_progress,
            )
            .await
    }
}
