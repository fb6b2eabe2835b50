//! Work on many rows, a batch at a time: in between others have their turn, and what was done stays done.

use std::time::Duration;

use super::import::unhurried;
use super::{Error, Service};
use crate::store::{Batch, Store, StoreError};

/// How many rows a batch changes at most.
const MOST: u32 = 500;
/// How often a batch is tried that meets a database which is busy or away for a moment, and the pause before it.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);

/// Whether work that goes batch by batch goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Batches {
    /// More may be due.
    GoOn,
    /// Nothing is due any more.
    AreOver,
}

impl Service {
    /// Runs `batch` - behind which id, how many rows at most - until it finds nothing more; `hear` is told how many rows each
    /// has changed. Says how many all of them have.
    ///
    /// # Errors
    /// [`Error::Store`] when a batch goes on to fail; those before it stay done.
    pub(super) async fn in_batches(
        &self,
        batch: impl Fn(&Store, i64, u32) -> Result<Option<Batch>, StoreError> + Clone + Send + 'static,
        mut hear: impl FnMut(u64),
    ) -> Result<u64, Error> {
        let (mut after, mut most, mut changed, mut failed) = (i64::MIN, MOST, 0, 0);
        loop {
            let (store, batch) = (self.inner.store.clone(), batch.clone());
            match unhurried(move || batch(&store, after, most)).await? {
                Ok(None) => return Ok(changed),
                Ok(Some(done)) => {
                    (after, failed) = (done.last, 0);
                    changed += done.changed;
                    hear(done.changed);
                }
                Err(error) if error.is_passing() && failed < TRIES => {
                    log::debug!("a batch is tried again: {error}");
                    failed += 1;
                    // A row that somebody holds, or a slow disk, is then in the way of fewer.
                    most = (most / 2).max(1);
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
