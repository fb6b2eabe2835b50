//! Rows of dead tokens and old audit entries, deleted in the background when `JETON_RETENTION` is over.

use super::{Error, Service};
use crate::store::Purge;

/// Rows deleted by one statement: few enough that it takes milliseconds.
const BATCH: u32 = 1_000;

impl Service {
    /// Deletes one batch of each kind; says whether more is due.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn purge(&self) -> Result<bool, Error> {
        let before = self.clock().now().before(self.policy().retention);
        let mut more = false;
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
