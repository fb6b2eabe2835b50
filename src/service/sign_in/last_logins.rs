//! `last_login`, gathered in memory and written in batches: no login waits for a write that tells nobody anything.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::service::introspection::USE_INTERVAL;
use crate::service::{Error, SignIn};
use crate::store::LockedRows;

/// Logins written in one transaction.
const BATCH: usize = 500;

/// How many users' logins are kept in memory at most. More come together only while the database answers and cannot be
/// written.
const MOST: usize = 100_000;

/// What is to be written, by user.
#[derive(Default)]
pub struct LastLogins {
    pending: Mutex<HashMap<i64, Timestamp>>,
}

impl LastLogins {
    /// Notes a good login, unless one was written lately.
    pub fn note(&self, user: &User, now: Timestamp) {
        if user.last_login.is_some_and(|last| now.since(last) < USE_INTERVAL && last <= now) {
            return;
        }
        let mut pending = self.lock();
        if pending.len() < MOST || pending.contains_key(&user.id) {
            let last = pending.entry(user.id).or_insert(now);
            *last = now.max(*last);
        }
    }

    fn all(&self) -> Vec<(i64, Timestamp)> {
        self.lock().iter().map(|(id, at)| (*id, *at)).collect()
    }

    /// Forgets what was written, but for what was passed over, and except where there was another login meanwhile.
    fn written(&self, logins: &[(i64, Timestamp)], passed_over: &[i64]) {
        let mut pending = self.lock();
        for (id, at) in logins.iter().filter(|(id, _)| !passed_over.contains(id)) {
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
    /// Writes the logins noted so far; says of how many users they were passed over.
    ///
    /// # Errors
    /// [`Error::Store`]; what was not written stays noted.
    pub async fn flush_logins(&self, locked: LockedRows) -> Result<usize, Error> {
        let mut passed_over = 0;
        for batch in self.last_logins.all().chunks(BATCH) {
            let logins = batch.to_vec();
            let left = self.database.run(move |store| store.record_logins(&logins, USE_INTERVAL, locked)).await?;
            self.last_logins.written(batch, &left);
            passed_over += left.len();
        }
        Ok(passed_over)
    }
}
