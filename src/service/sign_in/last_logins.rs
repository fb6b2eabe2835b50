//! `last_login`, collected in memory and written in batches, so that no login waits for this write.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::service::introspection::USE_INTERVAL;
use crate::service::{Error, SignIn};
use crate::store::LockedRows;

/// Rows written in one transaction.
const BATCH: usize = 500;

/// How many users' logins are held in memory at most. The limit is reached only while the database can be read and not
/// written.
const MAX_PENDING: usize = 100_000;

/// Logins that are not yet written, by user id.
#[derive(Default)]
pub struct LastLogins {
    pending: Mutex<HashMap<i64, Timestamp>>,
}

impl LastLogins {
    /// Records a login, unless one was written recently.
    pub fn note(&self, user: &User, now: Timestamp) {
        if user.last_login.is_some_and(|last| now.since(last) < USE_INTERVAL && last <= now) {
            return;
        }
        let mut pending = self.lock();
        if pending.len() < MAX_PENDING || pending.contains_key(&user.id) {
            let last = pending.entry(user.id).or_insert(now);
            *last = now.max(*last);
        }
    }

    fn all(&self) -> Vec<(i64, Timestamp)> {
        self.lock().iter().map(|(id, at)| (*id, *at)).collect()
    }

    /// Removes what was written. Skipped rows stay, and so do users who have logged in again meanwhile.
    fn forget_written(&self, logins: &[(i64, Timestamp)], skipped: &[i64]) {
        let mut pending = self.lock();
        for (id, at) in logins.iter().filter(|(id, _)| !skipped.contains(id)) {
            if pending.get(id) == Some(at) {
                pending.remove(id);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Timestamp>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SignIn {
    /// Writes the recorded logins. Returns how many users were skipped because their rows were locked.
    ///
    /// # Errors
    /// [`Error::Store`]; what was not written stays pending.
    pub async fn flush_logins(&self, locked: LockedRows) -> Result<usize, Error> {
        let mut skipped = 0;
        for batch in self.last_logins.all().chunks(BATCH) {
            let logins = batch.to_vec();
            let left = self.database.run(move |store| store.record_logins(&logins, USE_INTERVAL, locked)).await?;
            self.last_logins.forget_written(batch, &left);
            skipped += left.len();
        }
        Ok(skipped)
    }
}
