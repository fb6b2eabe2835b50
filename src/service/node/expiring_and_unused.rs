//! Counts tokens that end soon, or that nobody uses, for the metrics.

use std::time::Duration;

use crate::service::{Error, Node};
use crate::store::{ExpiringAndUnused, KindCounts};

/// Tokens that end within this time end soon.
const SOON: Duration = Duration::from_hours(7 * 24);
/// Tokens that were not used for this time are unused.
const UNUSED: Duration = Duration::from_hours(90 * 24);

/// Tokens read by one statement, and the pause after it.
const BATCH: u32 = 5_000;
const PAUSE: Duration = Duration::from_millis(5);

impl Node {
    /// Reads all tokens, in batches.
    ///
    /// # Errors
    /// [`Error::Store`]; the metrics then keep what they had.
    pub async fn count_expiring_and_unused(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let limits = (now.after(SOON), now.before(UNUSED));
        let (mut sum, mut last) = (ExpiringAndUnused::default(), None);
        loop {
            let counted =
                self.database.run(move |store| store.count_expiring_and_unused(last, BATCH, now, limits)).await?;
            let (Some(id), ExpiringAndUnused { expiring, unused }) = counted else { break };
            last = Some(id);
            add(&mut sum.expiring, expiring);
            add(&mut sum.unused, unused);
            tokio::time::sleep(PAUSE).await;
        }
        self.metrics.tokens.counted(&sum);
        Ok(())
    }
}

const fn add(sum: &mut KindCounts, more: KindCounts) {
    sum.login += more.login;
    sum.named += more.named;
}
