//! Which changes this node has applied, and how long the cache may be trusted.
//!
//! Every change gets a sequence number, the count of changes applied. A lookup notes the count before it asks the
//! database ([`Freshness::changes_applied`]). Its answer is valid only while no change with its invalidation key has a
//! higher number. If a change arrives between the lookup's start and the insert, the entry's sequence number is already
//! too old and it is never served. No lock is needed.
//!
//! The sync time is a moment before which every committed change has been applied. An answer is fresh while the sync
//! time is younger than the bound: a change that was not applied yet was committed later than that.

use std::time::Duration;

use super::atomic::{AtomicU64, Ordering};
use crate::domain::change::Change;
use crate::domain::time::Uptime;
use crate::domain::token::TokenDigest;

/// The number of counters. Several invalidation keys share a counter, so a change of one may also invalidate
/// answers of another.
const COUNTERS: usize = 1 << 14;

/// How old the last sync may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staleness {
    /// Within `JETON_REVOCATION_BOUND`.
    Bound,
    /// `JETON_STALE_IF_ERROR` longer, because the database is down.
    StaleIfError,
}

/// The changes applied, and the time of the last sync.
pub struct Freshness {
    /// Nanoseconds of uptime; 0 before the first sync.
    synced_at: AtomicU64,
    changes_applied: AtomicU64,
    /// The number of the last [`Change::Everything`].
    cleared: AtomicU64,
    /// The number of the last change of a client.
    clients: AtomicU64,
    /// The numbers of the last changes of users, tokens and digests.
    counters: Box<[AtomicU64]>,
    bound: u64,
    stale: u64,
}

impl Freshness {
    pub fn new(bound: Duration, stale_if_error: Duration) -> Self {
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Self {
            synced_at: AtomicU64::new(0),
            changes_applied: AtomicU64::new(0),
            cleared: AtomicU64::new(0),
            clients: AtomicU64::new(0),
            counters: bytemuck::allocation::zeroed_slice_box(COUNTERS),
            bound: nanos(bound),
            stale: nanos(bound.saturating_add(stale_if_error)),
        }
    }

    /// Applies a change. Called after its commit, so that whoever reads the new count sees the change in the database.
    pub fn apply(&self, change: &Change) {
        let number = self.changes_applied.fetch_add(1, Ordering::AcqRel) + 1;
        let counter = match change {
            Change::User(id) => &self.counters[user_bucket(*id)],
            Change::Token(id) => &self.counters[token_bucket(*id)],
            Change::Created(prefix) => &self.counters[bucket(*prefix)],
            Change::Client(_) => &self.clients,
            Change::Everything => &self.cleared,
        };
        // Two changes may arrive at once; the higher number wins.
        counter.fetch_max(number, Ordering::AcqRel);
    }

    /// Records that every change committed before `moment` has been applied.
    pub fn mark_synced(&self, moment: Uptime) {
        self.synced_at.store(moment.as_nanos(), Ordering::Release);
    }

    /// The count of changes applied. To be read before the database is asked.
    pub fn changes_applied(&self) -> u64 {
        self.changes_applied.load(Ordering::Acquire)
    }

    /// Whether there was a sync, and it is recent enough. To be called before [`Freshness::is_current`]: reading the
    /// sync time makes all changes before it visible.
    pub fn is_synced(&self, staleness: Staleness, now: Uptime) -> bool {
        let limit = match staleness {
            Staleness::Bound => self.bound,
            Staleness::StaleIfError => self.stale,
        };
        let synced_at = self.synced_at.load(Ordering::Acquire);
        synced_at != 0 && now.as_nanos().saturating_sub(synced_at) < limit
    }

    /// Whether no change with this key was applied since the answer was looked up.
    pub fn is_current(&self, key: InvalidationKey, change_seq: u64) -> bool {
        let [one, other] = key.buckets().map(|bucket| self.counters[bucket].load(Ordering::Acquire));
        change_seq >= one && change_seq >= other && change_seq >= self.cleared.load(Ordering::Acquire)
    }

    /// Whether no change of clients was applied since one was looked up.
    pub fn clients_are_current(&self, change_seq: u64) -> bool {
        change_seq >= self.clients.load(Ordering::Acquire) && change_seq >= self.cleared.load(Ordering::Acquire)
    }

    /// The age of the last sync; `None` before the first.
    pub fn sync_age(&self, now: Uptime) -> Option<Duration> {
        self.synced_at().map(|synced_at| now.since(synced_at))
    }

    /// The time of the last sync; `None` before the first.
    pub fn synced_at(&self) -> Option<Uptime> {
        let synced_at = self.synced_at.load(Ordering::Acquire);
        (synced_at != 0).then(|| Uptime::from_nanos(synced_at))
    }
}

/// Which changes make an answer wrong: those of two counters. Fits into 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidationKey(u32);

impl InvalidationKey {
    /// The key of a token: changes of the token and of its user.
    pub fn of_token(token_id: i64, user_id: i64) -> Self {
        Self::new(token_bucket(token_id), user_bucket(user_id))
    }

    /// The key of a digest without a token: the creation of a token with this digest.
    pub fn of_unknown(digest: &TokenDigest) -> Self {
        let bucket = bucket(digest.prefix());
        Self::new(bucket, bucket)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a bucket has fourteen bits")]
    const fn new(one: usize, other: usize) -> Self {
        Self((one << 16 | other) as u32)
    }

    /// From bits, which may be of an entry that is being written.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    pub const fn bits(self) -> u32 {
        self.0
    }

    const fn buckets(self) -> [usize; 2] {
        [bucket((self.0 >> 16) as u64), bucket((self.0 & 0xffff) as u64)]
    }
}

/// The counter of a user. Consecutive ids use neighbouring counters.
const fn user_bucket(id: i64) -> usize {
    bucket(id.cast_unsigned())
}

/// The counter of a token. The multiplication separates it from the counter of the user with the same id.
const fn token_bucket(id: i64) -> usize {
    bucket(id.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32)
}

#[expect(clippy::cast_possible_truncation, reason = "fourteen of its bits are wanted")]
const fn bucket(number: u64) -> usize {
    number as usize & (COUNTERS - 1)
}
