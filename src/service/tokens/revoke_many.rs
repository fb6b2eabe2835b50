//! Tokens of many users revoked at once, after an incident.

use crate::service::{Error, Superuser, Tokens};
use crate::store::TokenCounts;
pub use crate::store::TokenFilter;

impl Tokens {
    /// How many live tokens there are, of those that are meant.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn count_tokens(&self, which: &TokenFilter, _: &Superuser) -> Result<TokenCounts, Error> {
        let (which, now) = (which.clone(), self.clock.now());
        self.database.unhurried(move |store| store.count_tokens(&which, now)).await
    }

    /// Revokes all tokens that are meant and were there when they were counted; says how many lived. `hear` is told of
    /// each batch. What is made meanwhile stays.
    ///
    /// # Errors
    /// [`Error::Store`] when it ends before its time.
    pub async fn revoke_tokens(
        &self,
        which: TokenFilter,
        counted: TokenCounts,
        caller: &Superuser,
        hear: impl FnMut(u64),
    ) -> Result<u64, Error> {
        let (by, clock) = (caller.actor.clone(), self.clock.clone());
        self.database
            .in_batches(
                move |store, after, most| store.revoke_tokens(&which, (after, counted.newest), most, &by, clock.now()),
                hear,
            )
            .await
    }
}
