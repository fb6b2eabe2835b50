//! Cached introspection answers, served only while they are known to be fresh.
//!
//! The size is bounded in bytes; memory is taken from the system as it fills. A hit writes nothing that two workers
//! share. `freshness.rs` makes sure that no answer outlives a change, and `tests/cache/model.rs` searches for an order
//! of events that breaks this.

mod block;
mod entry;
mod freshness;
mod read_times;
mod ring;

/// `tests/cache/threads.rs` replaces these by loom's types, which try every order.
mod atomic {
    pub use std::sync::atomic::{AtomicU64, Ordering, fence};
}

use std::time::Duration;

use atomic::AtomicU64;
use block::Block;
pub use freshness::Staleness;
use freshness::{Freshness, InvalidationKey};
use read_times::ReadTimes;

use crate::domain::change::Change;
use crate::domain::time::{Timestamp, Uptime};
use crate::domain::token::TokenDigest;

/// Words of a block with its sequence number: 8 KiB.
const BLOCK_WORDS: usize = ring::RING_WORDS + 1;

/// Tokens that do not exist get one sixteenth of the memory, so that a flood of them evicts no other entry.
const UNKNOWN_PART: usize = 16;

/// The current time: both clocks, read once a request.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For expiries; by the same clock as those of the entries.
    pub time: Timestamp,
    /// For the age of the last sync.
    pub uptime: Uptime,
}

/// The change number when a lookup began: see `freshness.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangeSeq(u64);

/// The ids of a token and of its user.
#[derive(Clone, Copy, Debug)]
pub struct TokenIds {
    /// The token's id.
    pub token_id: i64,
    /// Its user's id.
    pub user_id: i64,
}

/// An answer to be cached.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry<'a> {
    /// The token and its user; `None` for a token that does not exist.
    pub of: Option<TokenIds>,
    /// Until when it may be served without asking the database, unless a change invalidates it.
    pub hit_until: Timestamp,
    /// When the token ends.
    pub ends_at: Timestamp,
    /// The caller's number for the kind of answer; the cache only stores it.
    pub code: u8,
    /// The answer.
    pub text: &'a [u8],
}

/// A cached answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedAnswer {
    /// The caller's number for the kind of answer: [`NewEntry::code`].
    pub code: u8,
    /// When the token ends.
    pub ends_at: Timestamp,
    /// The answer.
    pub text: Vec<u8>,
}

/// The cache, and what keeps it fresh.
pub struct Cache {
    freshness: Freshness,
    /// Only at an edge: see `read_times.rs`.
    read_times: Option<ReadTimes>,
    known: Segment,
    unknown: Segment,
}

impl Cache {
    /// At most `bytes` of memory; with less than a block's 8 KiB there is no cache. `None` when the operating system does
    /// not give that much.
    #[must_use]
    pub fn new(bytes: u64, bound: Duration, stale_if_error: Duration) -> Option<Self> {
        let blocks = usize::try_from(bytes).unwrap_or(usize::MAX) / (BLOCK_WORDS * 8);
        let unknown = if blocks > 1 { blocks.div_ceil(UNKNOWN_PART) } else { 0 };
        Some(Self {
            freshness: Freshness::new(bound, stale_if_error),
            read_times: None,
            known: Segment::new(blocks - unknown)?,
            unknown: Segment::new(unknown)?,
        })
    }

    /// For an edge: its upstreams answer with what was true up to `lag` ago (`read_times.rs`).
    #[must_use]
    pub fn with_lag(self, lag: Duration) -> Self {
        Self { read_times: Some(ReadTimes::new(lag)), ..self }
    }

    /// Whether there is memory for any answer.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.known.words.is_empty()
    }

    /// The current change number. To be read before the database is asked; the answer goes to [`Cache::insert`] with it.
    #[must_use]
    pub fn change_seq(&self) -> ChangeSeq {
        ChangeSeq(self.freshness.changes_applied())
    }

    /// The change number of an upstream's answer, which has everything that was committed before `moment`.
    #[must_use]
    pub fn change_seq_at(&self, moment: Uptime) -> ChangeSeq {
        ChangeSeq(self.read_times.as_ref().map_or(0, |times| times.number_at(moment)))
    }

    /// Inserts an answer. Whether it may be served is decided when it is read.
    pub fn insert(&self, digest: &TokenDigest, change_seq: ChangeSeq, answer: NewEntry<'_>) {
        let (segment, invalidation_key) = match answer.of {
            Some(of) => (&self.known, InvalidationKey::of_token(of.token_id, of.user_id)),
            None => (&self.unknown, InvalidationKey::of_unknown(digest)),
        };
        // At an edge, an answer may be too old already, and would only evict others.
        if self.read_times.is_some() && !self.freshness.is_current(invalidation_key, change_seq.0) {
            return;
        }
        let Some(block) = segment.block(digest) else { return };
        // If another thread writes to this block, the answer is not cached.
        block.write(|words| {
            ring::insert(words, digest, answer.text, |entry| {
                entry.set_facts(change_seq.0, invalidation_key, answer.code, answer.hit_until, answer.ends_at);
            });
        });
    }

    /// The cached answer for a digest, if it may be served.
    #[must_use]
    pub fn get(&self, digest: &TokenDigest, now: Now, staleness: Staleness) -> Option<CachedAnswer> {
        // Checked first, so that all changes before the sync time are visible below.
        if !self.freshness.is_synced(staleness, now.uptime) {
            return None;
        }
        self.known.find(digest, now, staleness, &self.freshness).or_else(|| {
            // Most requests are found above. For the few others a second search costs little.
            self.unknown.find(digest, now, staleness, &self.freshness)
        })
    }

    /// Whether the last sync is recent enough, and no client has changed since `change_seq`. Works with the cache off, too,
    /// because the few clients need none of its memory.
    #[must_use]
    pub fn clients_are_current(&self, change_seq: ChangeSeq, now: Uptime, staleness: Staleness) -> bool {
        self.freshness.is_synced(staleness, now) && self.freshness.clients_are_current(change_seq.0)
    }

    /// Applies a change: what was looked up before is no longer served. Called after the commit and before the
    /// response.
    pub fn apply(&self, change: &Change) {
        self.freshness.apply(change);
    }

    /// Records that every change committed before `moment` has been applied.
    pub fn mark_synced(&self, moment: Uptime) {
        self.mark_synced_at(moment, Uptime::now());
    }

    /// The same, if the last of them was read at `now`.
    pub fn mark_synced_at(&self, moment: Uptime, now: Uptime) {
        if let Some(times) = &self.read_times {
            times.record(self.freshness.changes_applied(), now);
        }
        self.freshness.mark_synced(moment);
    }

    /// The moment before which everything that was committed is known; `None` before the first sync.
    #[must_use]
    pub fn synced_at(&self) -> Option<Uptime> {
        self.freshness.synced_at()
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

/// A part of the cache: blocks, chosen by bits of the digest.
struct Segment {
    words: Box<[AtomicU64]>,
}

impl Segment {
    fn new(blocks: usize) -> Option<Self> {
        // Zeroed pages of the system: they become real memory when they are first written.
        bytemuck::allocation::try_zeroed_slice_box(blocks.checked_mul(BLOCK_WORDS)?).ok().map(|words| Self { words })
    }

    fn block(&self, digest: &TokenDigest) -> Option<Block<'_>> {
        let blocks = self.words.len() / BLOCK_WORDS;
        // Digests are evenly distributed. So the blocks share the range of all digests evenly.
        let at = usize::try_from((u128::from(digest.prefix()) * blocks as u128) >> 64).ok()?;
        Block::new(self.words.get(at * BLOCK_WORDS..(at + 1) * BLOCK_WORDS)?)
    }

    fn find(
        &self,
        digest: &TokenDigest,
        now: Now,
        staleness: Staleness,
        freshness: &Freshness,
    ) -> Option<CachedAnswer> {
        self.block(digest)?.read(|words| {
            ring::find(words, digest, |entry| {
                let until = match staleness {
                    Staleness::Bound => entry.hit_until(),
                    Staleness::StaleIfError => entry.ends_at(),
                };
                let (invalidation_key, code) = entry.invalidation_key_and_code();
                let may_be_given = now.time < until && freshness.is_current(invalidation_key, entry.change_seq());
                may_be_given.then(|| CachedAnswer { code, ends_at: entry.ends_at(), text: entry.text() })
            })
        })?
    }
}
