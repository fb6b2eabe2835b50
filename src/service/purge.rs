//! Rows of dead tokens and old audit entries, deleted in the background when `JETON_RETENTION` is over; and sealed keys
//! of expired tokens, soon after their end.

use std::time::Duration;

use super::{Error, Service};
use crate::domain::time::Stopwatch;
use crate::store::Purge;

/// How long after its expiry a token may not be touched: a use just before it may yet be written, and push it out.
const SETTLED: Duration = Duration::from_mins(1);

/// How many rows a statement may delete: few at first, for the pages of old rows are cold, then more while statements
/// are quick, and fewer when one is not. Whoever waits for a row or for the disk meanwhile does not wait long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurgePace(u32);

impl PurgePace {
    const LEAST: u32 = 50;
    const MOST: u32 = 1_000;
    /// A statement that takes longer is followed by a smaller one.
    const SLOW: Duration = Duration::from_millis(50);

    /// After a statement that took so long.
    #[must_use]
    pub fn after(self, took: Duration) -> Self {
        let next = if took > Self::SLOW {
            self.0 / 2
        } else if took < Self::SLOW / 4 {
            self.0 * 2
        } else {
            self.0
        };
        Self(next.clamp(Self::LEAST, Self::MOST))
    }
}

impl Default for PurgePace {
    fn default() -> Self {
        Self(Self::LEAST)
    }
}

impl Service {
    /// Purges one batch; says whether more is due.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn purge(&self, what: Purge, pace: &mut PurgePace) -> Result<bool, Error> {
        let retention = self.policy().retention;
        let age = match what {
            Purge::ExpiredSeals => SETTLED,
            Purge::ExpiredTokens => retention.max(SETTLED),
            Purge::RevokedTokens | Purge::AuditLog => retention,
        };
        let (before, most, statement) = (self.clock().now().before(age), pace.0, Stopwatch::start());
        let purged = self.db(move |store| store.purge(what, before, most)).await?;
        let took = statement.elapsed();
        *pace = pace.after(took);
        if purged > 0 {
            log::debug!(rows = purged, micros = took.as_micros(); "purged {what:?}");
        }
        Ok(purged >= most as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_follows_the_statements() {
        let (quick, fair, slow) = (Duration::from_millis(1), Duration::from_millis(30), Duration::from_millis(51));
        let mut pace = PurgePace::default();
        assert_eq!(pace, PurgePace(50));
        assert_eq!(pace.after(slow), PurgePace(50), "some are deleted whatever it takes");
        for rows in [100, 200, 400, 800, 1_000, 1_000] {
            pace = pace.after(quick);
            assert_eq!(pace, PurgePace(rows));
        }
        assert_eq!(pace.after(fair), pace);
        assert_eq!(pace.after(slow), PurgePace(500));
    }
}
