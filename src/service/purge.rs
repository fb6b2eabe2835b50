//! Rows of dead tokens and old audit entries, deleted in the background when `JETON_RETENTION` is over.

use std::time::Duration;

use super::{Error, Service};
use crate::store::Purge;

/// Rows deleted by one statement: few enough that it takes milliseconds.
const BATCH: u32 = 1_000;

/// How long after its expiry a token may not be unsealed: a use just before it may yet be written, and push it out.
const SETTLED: Duration = Duration::from_mins(1);

impl Service {
    /// Unseals one batch of expired tokens and deletes one of each kind of row; says whether more is due.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn purge(&self) -> Result<bool, Error> {
        let now = self.clock().now();
        let (expired, before) = (now.before(SETTLED), now.before(self.policy().retention));
        let mut more = self.db(move |store| store.unseal_expired(expired, BATCH)).await? >= BATCH as usize;
        for what in Purge::ALL {
            let deleted = self.db(move |store| store.purge(what, before, BATCH)).await?;
            if deleted > 0 {
                log::debug!(rows = deleted; "purged {what:?}");
            }
            more |= deleted >= BATCH as usize;
        }
        Ok(more)
    }
}
