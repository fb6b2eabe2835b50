//! All users deactivated but a few, after an incident.

use crate::domain::user::User;
use crate::service::{Accounts, Error, Superuser};
use crate::store::{Store, StoreError};

impl Accounts {
    /// How many active users there are besides `kept`.
    ///
    /// # Errors
    /// [`Error::Conflict`] when no active superuser would stay.
    pub async fn count_active_but(&self, kept: &[User], _: &Superuser) -> Result<u64, Error> {
        let leads = |user: &User| user.is_superuser && user.is_active;
        if !kept.iter().any(leads) && self.database.run(Store::has_active_superuser).await? {
            return Err(StoreError::LastSuperuser.into());
        }
        let ids = ids(kept);
        let count = self.database.without_deadline(move |store| store.count_active_but(&ids)).await?;
        Ok(count.unsigned_abs())
    }

    /// Deactivates every active user besides `kept` and ends their sessions; returns how many. Calls `on_progress` after each batch.
    ///
    /// # Errors
    /// As [`Accounts::count_active_but`]; [`Error::Store`] when it ends before its time.
    pub async fn deactivate_all_but(
        &self,
        kept: &[User],
        caller: &Superuser,
        on_progress: impl FnMut(u64),
    ) -> Result<u64, Error> {
        let (kept, by, clock) = (ids(kept), caller.actor.clone(), self.clock.clone());
        self.database
            .in_batches(
                move |store, after, most| store.deactivate_all_but(&kept, after, most, &by, clock.now()),
                on_progress,
            )
            .await
    }
}

fn ids(users: &[User]) -> Vec<i64> {
    users.iter().map(|user| user.id).collect()
}
