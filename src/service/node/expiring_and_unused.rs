//! Counts tokens that end soon, or that nobody uses, for the metrics, and remembers the first ones that nobody uses, for the
//! console.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::time::Timestamp;
use crate::service::{Error, Node};
use crate::store::{ExpiringAndUnused, KindCounts, UnusedSince};

/// Tokens that end within this time end soon.
const SOON: Duration = Duration::from_hours(7 * 24);
/// Tokens that were not used for this time are unused.
pub const UNUSED: Duration = Duration::from_hours(90 * 24);

/// Tokens read by one statement, and the pause after it.
const BATCH: u32 = 5_000;
const PAUSE: Duration = Duration::from_millis(5);

/// How many unused tokens are remembered: more than the console lists.
const MAX_REMEMBERED: usize = 1_500;

/// What the last count of all tokens has found.
#[derive(Debug)]
pub struct CountedTokens {
    /// When the count began.
    pub at: Timestamp,
    /// How many were live.
    pub live: i64,
    /// The first ids of unused ones of active users.
    all: Vec<i64>,
    /// Those of named ones.
    named: Vec<i64>,
}

impl CountedTokens {
    /// The first ids of unused tokens of active users, in ascending order; all, or only those of named ones.
    #[must_use]
    pub fn unused(&self, is_named: bool) -> &[i64] {
        if is_named { &self.named } else { &self.all }
    }
}

impl Node {
    /// Reads all tokens, in batches.
    ///
    /// # Errors
    /// [`Error::Store`]; the metrics then keep what they had.
    pub async fn count_expiring_and_unused(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let limits = (now.after(SOON), now.before(UNUSED));
        let (mut sum, mut last) = (ExpiringAndUnused::default(), None);
        let mut found = CountedTokens { at: now, live: 0, all: Vec::new(), named: Vec::new() };
        loop {
            let counted =
                self.database.run(move |store| store.count_expiring_and_unused(last, BATCH, now, limits)).await?;
            let (Some(id), ExpiringAndUnused { live, expiring, unused }) = counted else { break };
            let batch = (last.unwrap_or(i64::MIN), id);
            if unused.login + unused.named > 0 {
                self.find_unused(false, batch, now, &mut found.all).await?;
            }
            if unused.named > 0 {
                self.find_unused(true, batch, now, &mut found.named).await?;
            }
            last = Some(id);
            found.live += live;
            add(&mut sum.expiring, expiring);
            add(&mut sum.unused, unused);
            tokio::time::sleep(PAUSE).await;
        }
        self.metrics.tokens.counted(&sum);
        self.counted_tokens.send_replace(Some(Arc::new(found)));
        Ok(())
    }

    /// What the last count of all tokens has found; `None` before the first one has ended.
    pub fn counted_tokens(&self) -> Option<Arc<CountedTokens>> {
        self.counted_tokens.borrow().clone()
    }

    async fn find_unused(
        &self,
        is_named: bool,
        batch: (i64, i64),
        now: Timestamp,
        found: &mut Vec<i64>,
    ) -> Result<(), Error> {
        let limit = u32::try_from(MAX_REMEMBERED - found.len()).unwrap_or(0);
        if limit > 0 {
            let unused = UnusedSince { moment: now.before(UNUSED), is_named };
            found.extend(self.database.run(move |store| store.find_unused_tokens(unused, batch, limit, now)).await?);
        }
        Ok(())
    }
}

const fn add(sum: &mut KindCounts, more: KindCounts) {
    sum.login += more.login;
    sum.named += more.named;
}
