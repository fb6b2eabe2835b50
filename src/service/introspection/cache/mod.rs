//! Ready answers, kept in memory while they are provably fresh.
//!
//! Bounded in bytes, taken from the system as they fill. A hit writes nothing that two workers share. What keeps an
//! answer from outliving a change is in `freshness.rs`, and `tests/cache/model.rs` searches for an order of events
//! that gets past it.

mod block;
mod entry;
mod freshness;
mod ring;

/// `tests/cache/threads.rs` puts loom's in their place, which try every order.
mod atomic {
    pub use std::sync::atomic::{AtomicU64, Ordering, fence};
}

use std::time::Duration;

use atomic::AtomicU64;
use block::Block;
pub use freshness::Patience;
use freshness::{Freshness, unknown_subject, user_subject};

use crate::domain::change::Change;
use crate::domain::time::{Timestamp, Uptime};
use crate::domain::token::TokenDigest;

/// Words of a block with its sequence number: 8 KiB.
const BLOCK_WORDS: usize = ring::RING_WORDS + 1;

/// Of all memory, one part in so many is for tokens that do not exist, so that a flood of them drives out no other.
const UNKNOWN_PART: usize = 16;

/// When it is: both clocks, read once a request.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For expiries.
    pub time: Timestamp,
    /// For proofs.
    pub uptime: Uptime,
}

/// How many changes had been heard when a lookup began.
#[derive(Clone, Copy, Debug)]
pub struct Born(u64);

/// An answer to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Keep<'a> {
    /// Whose token it is; `None` for a token that does not exist.
    pub user_id: Option<i64>,
    /// Until when it may be answered without a look at the database, changes aside.
    pub hit_until: Timestamp,
    /// When the token ends.
    pub ends_at: Timestamp,
    /// A code of the caller's own.
    pub code: u8,
    /// The answer.
    pub text: &'a [u8],
}

/// An answer that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// As it was given.
    pub code: u8,
    /// The answer.
    pub text: Vec<u8>,
}

/// The answers, and what makes them fresh.
pub struct Cache {
    freshness: Freshness,
    known: Shelf,
    unknown: Shelf,
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
            known: Shelf::new(blocks - unknown)?,
            unknown: Shelf::new(unknown)?,
        })
    }

    /// Whether it can keep anything.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.known.words.is_empty()
    }

    /// What a node knows of the changes heard before it asks the database. The answer goes to [`Cache::keep`] with it.
    #[must_use]
    pub fn born(&self) -> Born {
        Born(self.freshness.heard())
    }

    /// Keeps an answer, unless its time is over already. Whether it may be given is decided when it is asked for.
    pub fn keep(&self, digest: &TokenDigest, born: Born, answer: Keep<'_>) {
        let (home, subject) = match answer.user_id {
            Some(id) => (&self.known, user_subject(id)),
            None => (&self.unknown, unknown_subject(digest)),
        };
        let Some(block) = home.block(digest) else { return };
        // When somebody else writes there, this answer is simply not kept.
        block.write(|words| {
            ring::insert(words, digest, answer.text, |entry| {
                entry.set_facts(born.0, subject, answer.code, answer.hit_until, answer.ends_at);
            });
        });
    }

    /// The answer kept for a digest, if it may be given.
    #[must_use]
    pub fn get(&self, digest: &TokenDigest, now: Now, patience: Patience) -> Option<Kept> {
        // First, so that what the proof vouches for is seen below.
        if !self.freshness.is_proven(patience, now.uptime) {
            return None;
        }
        self.known.find(digest, now, patience, &self.freshness).or_else(|| {
            // Unknown tokens are rare among good ones: the second look costs little.
            self.unknown.find(digest, now, patience, &self.freshness)
        })
    }

    /// Whether the proof is young enough, and no client has changed since `born`. Without memory for answers too: the few
    /// clients need none of it.
    #[must_use]
    pub fn clients_stand(&self, born: Born, now: Uptime, patience: Patience) -> bool {
        self.freshness.is_proven(patience, now) && self.freshness.clients_stand(born.0)
    }

    /// Takes a change in: what was looked up before is not given any more. After its commit, before its answer.
    pub fn apply(&self, change: Change) {
        self.freshness.apply(change);
    }

    /// Everything that was committed before `moment` has been applied.
    pub fn prove(&self, moment: Uptime) {
        self.freshness.prove(moment);
    }

    /// How old the proof is; `None` before the first.
    #[must_use]
    pub fn proof_age(&self, now: Uptime) -> Option<Duration> {
        self.freshness.proof_age(now)
    }

    /// How many changes were heard.
    #[must_use]
    pub fn heard(&self) -> u64 {
        self.freshness.heard()
    }
}

/// Blocks; a digest's own bits choose among them.
struct Shelf {
    words: Box<[AtomicU64]>,
}

impl Shelf {
    fn new(blocks: usize) -> Option<Self> {
        // Zeroed pages of the system: they become real memory when they are first written.
        bytemuck::allocation::try_zeroed_slice_box(blocks.checked_mul(BLOCK_WORDS)?).ok().map(|words| Self { words })
    }

    fn block(&self, digest: &TokenDigest) -> Option<Block<'_>> {
        let blocks = self.words.len() / BLOCK_WORDS;
        // Its place among all digests is its place among the blocks.
        let at = usize::try_from((u128::from(digest.prefix()) * blocks as u128) >> 64).ok()?;
        Block::new(self.words.get(at * BLOCK_WORDS..(at + 1) * BLOCK_WORDS)?)
    }

    fn find(&self, digest: &TokenDigest, now: Now, patience: Patience, freshness: &Freshness) -> Option<Kept> {
        self.block(digest)?.read(|words| {
            ring::find(words, digest, |entry| {
                let until = match patience {
                    Patience::Bound => entry.hit_until(),
                    Patience::StaleIfError => entry.ends_at(),
                };
                let (subject, code) = entry.subject();
                let may_be_given = now.time < until && freshness.stands(subject, entry.born());
                may_be_given.then(|| Kept { code, text: entry.text() })
            })
        })?
    }
}
