//! Cached introspection answers, served only while they are known to be fresh.
//!
//! The size is bounded in bytes; memory is taken from the system as it fills (`pieces.rs`). `freshness.rs` makes sure that
//! no answer outlives a change, and `tests/cache/model.rs` searches for an order of events that breaks this.

mod freshness;
mod pieces;

use std::hint::black_box;
use std::time::Duration;

pub use freshness::Staleness;
use freshness::{Freshness, unknown_token_key, user_key};
use pieces::{Facts, Pieces};

use crate::domain::change::Change;
use crate::domain::time::{Timestamp, Uptime};
use crate::domain::token::TokenDigest;

/// With less memory there is no cache.
const MIN_BYTES: usize = 8 << 10;

/// Bytes of a piece of an answer. Nearly all answers are of one: they have about 200 bytes, and those of users in several
/// groups 300.
const PIECE: usize = 302;

/// One part in this many of the memory is for tokens that do not exist, so that a flood of them evicts no other entry.
const UNKNOWN_PART: usize = 16;

/// The current time: both clocks, read once a request.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For expiries.
    pub time: Timestamp,
    /// For the age of the last sync.
    pub uptime: Uptime,
}

/// The change number when a lookup began: see `freshness.rs`.
#[derive(Clone, Copy, Debug)]
pub struct ChangeSeq(u64);

/// An answer to be cached.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry<'a> {
    /// Whose token it is; `None` for a token that does not exist.
    pub user_id: Option<i64>,
    /// Until when it may be served without asking the database, unless a change invalidates it.
    pub hit_until: Timestamp,
    /// When the token ends.
    pub ends_at: Timestamp,
    /// A code of the caller's own.
    pub code: u8,
    /// The answer.
    pub text: &'a [u8],
}

/// A cached answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedAnswer {
    /// As it was given.
    pub code: u8,
    /// The answer.
    pub text: Vec<u8>,
}

/// The cache, and what keeps it fresh.
pub struct Cache {
    freshness: Freshness,
    known: Pieces<PIECE>,
    /// Their answers have no text.
    unknown: Pieces<0>,
}

impl Cache {
    /// At most `bytes` of memory; with less than 8 KiB there is no cache. `None` when the operating system does not give
    /// that much.
    #[must_use]
    pub fn new(bytes: u64, bound: Duration, stale_if_error: Duration) -> Option<Self> {
        let bytes = usize::try_from(bytes).ok()?;
        // Tried and given back: where `quick_cache` asks for memory in vain, the process ends.
        let mut trial = Vec::<u8>::new();
        trial.try_reserve_exact(bytes).ok()?;
        drop(black_box(trial));
        let bytes = if bytes < MIN_BYTES { 0 } else { bytes };
        let unknown = bytes / UNKNOWN_PART;
        Some(Self {
            freshness: Freshness::new(bound, stale_if_error),
            known: Pieces::new(bytes - unknown),
            unknown: Pieces::new(unknown),
        })
    }

    /// Whether there is memory for any answer.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.known.is_on()
    }

    /// The current change number. To be read before the database is asked; the answer goes to [`Cache::insert`] with it.
    #[must_use]
    pub fn change_seq(&self) -> ChangeSeq {
        ChangeSeq(self.freshness.changes_applied())
    }

    /// Inserts an answer. Whether it may be served is decided when it is read.
    pub fn insert(&self, digest: &TokenDigest, change_seq: ChangeSeq, answer: NewEntry<'_>) {
        let facts = |key| Facts {
            change_seq: change_seq.0,
            hit_until: answer.hit_until,
            ends_at: answer.ends_at,
            invalidation_key: key,
            code: answer.code,
        };
        match answer.user_id {
            Some(id) => self.known.insert(digest, facts(user_key(id)), answer.text),
            None => self.unknown.insert(digest, facts(unknown_token_key(digest)), answer.text),
        }
    }

    /// The cached answer for a digest, if it may be served.
    #[must_use]
    pub fn get(&self, digest: &TokenDigest, now: Now, staleness: Staleness) -> Option<CachedAnswer> {
        // Checked first, so that all changes before the sync time are visible below.
        if !self.freshness.is_synced(staleness, now.uptime) {
            return None;
        }
        let is_good = |facts: &Facts| {
            let until = match staleness {
                Staleness::Bound => facts.hit_until,
                Staleness::StaleIfError => facts.ends_at,
            };
            now.time < until && self.freshness.is_current(facts.invalidation_key, facts.change_seq)
        };
        // Unknown tokens are rare among good ones: the second look costs little.
        let found = self.known.find(digest, is_good).or_else(|| self.unknown.find(digest, is_good));
        found.map(|(facts, text)| CachedAnswer { code: facts.code, text })
    }

    /// Whether the last sync is recent enough, and no client has changed since `change_seq`. Works with the cache off, too,
    /// because the few clients need none of its memory.
    #[must_use]
    pub fn clients_are_current(&self, change_seq: ChangeSeq, now: Uptime, staleness: Staleness) -> bool {
        self.freshness.is_synced(staleness, now) && self.freshness.clients_are_current(change_seq.0)
    }

    /// Applies a change: what was looked up before is no longer served. Called after the commit and before the
    /// response.
    pub fn apply(&self, change: Change) {
        self.freshness.apply(change);
    }

    /// Records that every change committed before `moment` has been applied.
    pub fn mark_synced(&self, moment: Uptime) {
        self.freshness.mark_synced(moment);
    }

    /// The age of the last sync; `None` before the first.
    #[must_use]
    pub fn sync_age(&self, now: Uptime) -> Option<Duration> {
        self.freshness.sync_age(now)
    }

    /// How many changes were applied.
    #[must_use]
    pub fn changes_applied(&self) -> u64 {
        self.freshness.changes_applied()
    }
}
