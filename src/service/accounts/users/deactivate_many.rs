//! Deactivates all users except a few, after an incident.

use crate::domain::user::User;
use crate::service::{Accounts, Error, Superuser};
use crate::store::{Store, StoreError};

impl Accounts {
    /// Counts the active users except `kept`.
    ///
    /// # Errors
    /// [`Error::Conflict`] when no active superuser would stay.
    pub async fn count_active_except(&self, kept: &[User], _: &Superuser) -> Result<u64, Error> {
        let is_active_superuser = |user: &User| user.is_superuser && user.is_active;
        if !kept.iter().any(is_active_superuser) && self.database.run(Store::has_active_superuser).await? {
            return Err(StoreError::LastSuperuser.into());
        }
        let ids = ids(kept);
        let count = self.database.without_deadline(move |store| store.count_active_except(&ids)).await?;
        Ok(count.unsigned_abs())
    }

    /// Deactivates every active user except `kept` and ends their sessions. Returns how many. Calls `on_progress` after
    /// each batch.
    ///
    /// # Errors
    /// As [`Accounts::count_active_except`]; [`Error::Store`] when it ends early.
    pub async fn deactivate_all_except(
        &self,
        kept: &[User],
        caller: &Superuser,
        on_progress: impl FnMut(u64),
    ) -> Result<u64, Error> {
        let (kept, by, clock) = (ids(kept), caller.actor.clone(), self.clock.clone());
        self.database
            .in_batches(
                move |store, after, limit| store.deactivate_all_except(&kept, after, limit, &by, clock.now()),
                on_progress,
            )
            .await
    }
}

fn ids(users: &[User]) -> Vec<i64> {
    users.iter().map(|user| user.id).collect()
}
