//! Deletes rows of ended tokens and old audit entries in the background, after `JETON_RETENTION` or
//! `JETON_AUDIT_RETENTION`; and sealed keys of expired tokens, ended sessions, old login networks and links for a
//! password, soon after their end.

use std::time::Duration;

use crate::domain::network::KNOWN_FOR;
use crate::domain::session::SESSION_IDLE;
use crate::domain::time::{Stopwatch, Timestamp};
use crate::service::{Batches, Error, Node};
use crate::store::{LastPurged, Purge};

/// How long after its expiry a token is left alone: a use just before the expiry may still be written, and extend it.
/// Links for a password wait as long, for clocks that differ.
const EXPIRY_MARGIN: Duration = Duration::from_mins(1);

/// How many rows a statement may delete: few at first, because the pages of old rows are not in memory; more while
/// statements are fast; fewer when one is slow. So nobody waits long for a row or for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PurgePace(u32);

impl PurgePace {
    const MIN_ROWS: u32 = 50;
    const MAX_ROWS: u32 = 1_000;
    /// A statement that takes longer is followed by a smaller one.
    const SLOW: Duration = Duration::from_millis(50);

    /// The pace after a statement that took this long.
    fn after(self, took: Duration) -> Self {
        let next = if took > Self::SLOW {
            self.0 / 2
        } else if took < Self::SLOW / 4 {
            self.0 * 2
        } else {
            self.0
        };
        Self(next.clamp(Self::MIN_ROWS, Self::MAX_ROWS))
    }
}

impl Default for PurgePace {
    fn default() -> Self {
        Self(Self::MIN_ROWS)
    }
}

/// One kind of row, purged batch by batch.
#[derive(Debug)]
pub struct PurgeRound {
    what: Purge,
    pace: PurgePace,
    /// Where the next batch begins to search. `None`: at the oldest row.
    from: Option<Timestamp>,
}

impl PurgeRound {
    /// A round that has not begun.
    #[must_use]
    pub fn of(what: Purge) -> Self {
        Self { what, pace: PurgePace::default(), from: None }
    }
}

impl Node {
    /// Purges one batch, if this node's clock can be trusted.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn purge(&self, round: &mut PurgeRound) -> Result<Batches, Error> {
        let (what, retention, audit_retention) = (round.what, self.policy.retention, self.policy.audit_retention);
        let age = match what {
            Purge::ExpiredSeals | Purge::PasswordLinks => EXPIRY_MARGIN,
            Purge::ExpiredTokens => retention.max(EXPIRY_MARGIN),
            Purge::RevokedTokens => retention,
            Purge::AuditLog => audit_retention,
            Purge::Sessions => SESSION_IDLE,
            Purge::LoginNetworks => KNOWN_FOR,
        };
        // The time is the one that was checked, because the clock may be set right after the check.
        let now = self.check_clock().await?;
        let before = now.unwrap_or_else(|| self.clock.now()).before(age);
        let purged = if now.is_some() { self.purge_batch(round, before).await } else { Ok(Batches::Done) };
        if matches!(purged, Ok(Batches::More)) {
            return purged;
        }
        // Measured after a failure, too, when it matters most.
        let from = round.from;
        let oldest = self.database.run(move |store| store.oldest(what, from, before)).await?;
        self.metrics.clock.overdue(what, oldest.map_or(Duration::ZERO, |oldest| before.since(oldest)));
        purged
    }

    /// Deletes one batch of old rows of the change log, after the batch that ended with `last`, if this node's clock can
    /// be trusted.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn purge_changes(&self, last: &mut Option<LastPurged>) -> Result<Batches, Error> {
        let Some(now) = self.check_clock().await? else { return Ok(Batches::Done) };
        let (limit, after) = (PurgePace::MAX_ROWS, last.take());
        let purged = self.database.run(move |store| store.purge_changes(now, after.as_ref(), limit)).await?;
        *last = purged.last;
        Ok(if purged.rows >= limit as usize { Batches::More } else { Batches::Done })
    }

    async fn purge_batch(&self, round: &mut PurgeRound, before: Timestamp) -> Result<Batches, Error> {
        let (what, from, limit, statement) = (round.what, round.from, round.pace.0, Stopwatch::start());
        let purged = self.database.run(move |store| store.purge(what, from, before, limit)).await?;
        let took = statement.elapsed();
        round.pace = round.pace.after(took);
        round.from = purged.end;
        if purged.rows > 0 {
            log::debug!(rows = purged.rows, micros = took.as_micros(); "purged {what:?}");
        }
        Ok(if purged.rows >= limit as usize { Batches::More } else { Batches::Done })
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
        assert_eq!(pace.after(slow), PurgePace(50), "never fewer than the minimum");
        for rows in [100, 200, 400, 800, 1_000, 1_000] {
            pace = pace.after(quick);
            assert_eq!(pace, PurgePace(rows));
        }
        assert_eq!(pace.after(fair), pace);
        assert_eq!(pace.after(slow), PurgePace(500));
    }
}
