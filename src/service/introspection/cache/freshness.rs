//! What this node has heard, and how long that is proof enough.
//!
//! Every change carries a number, the count of changes heard. A lookup notes that count before it asks the database
//! ([`Freshness::heard`]); its answer counts only as long as no change of its subject has a higher number. So a change
//! that comes in while the lookup is under way makes its answer stillborn, and nothing is locked for it.
//!
//! The proof is a moment at which every change committed before had been heard. An answer is fresh while the proof is
//! younger than the bound: what has changed since then is younger still.

use std::time::Duration;

use super::atomic::{AtomicU64, Ordering};
use crate::domain::change::Change;
use crate::domain::time::Uptime;
use crate::domain::token::TokenDigest;

/// Subjects share so many counters. Two that share one only kill each other's answers early.
const SUBJECTS: usize = 1 << 14;

/// How old a proof may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Within `JETON_REVOCATION_BOUND`.
    Bound,
    /// `JETON_STALE_IF_ERROR` more: the database is down.
    StaleIfError,
}

/// What has been heard, and when that was proven last.
pub struct Freshness {
    /// Nanoseconds of uptime; 0 before the first proof.
    proof: AtomicU64,
    heard: AtomicU64,
    emptied: AtomicU64,
    clients: AtomicU64,
    subjects: Box<[AtomicU64]>,
    bound: u64,
    stale: u64,
}

impl Freshness {
    pub fn new(bound: Duration, stale_if_error: Duration) -> Self {
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Self {
            proof: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            emptied: AtomicU64::new(0),
            clients: AtomicU64::new(0),
            subjects: bytemuck::allocation::zeroed_slice_box(SUBJECTS),
            bound: nanos(bound),
            stale: nanos(bound.saturating_add(stale_if_error)),
        }
    }

    /// Takes a change in. Called after it was committed, so that whoever notes the new count sees it in the database.
    pub fn apply(&self, change: Change) {
        let number = self.heard.fetch_add(1, Ordering::AcqRel) + 1;
        let counter = match change {
            Change::User(id) => &self.subjects[user_subject(id)],
            Change::Created(prefix) => &self.subjects[bucket(prefix)],
            Change::Clients => &self.clients,
            Change::Everything => &self.emptied,
        };
        // The greatest wins: two may come in at once.
        counter.fetch_max(number, Ordering::AcqRel);
    }

    /// Everything that was committed before `moment` has been heard.
    pub fn prove(&self, moment: Uptime) {
        self.proof.store(moment.as_nanos(), Ordering::Release);
    }

    /// The count of changes heard. To be noted before the database is asked.
    pub fn heard(&self) -> u64 {
        self.heard.load(Ordering::Acquire)
    }

    /// Whether there is a proof, and it is young enough. To be asked before [`Freshness::stands`]: what a proof vouches
    /// for is seen by whoever has seen the proof.
    pub fn is_proven(&self, patience: Patience, now: Uptime) -> bool {
        let limit = match patience {
            Patience::Bound => self.bound,
            Patience::StaleIfError => self.stale,
        };
        let proof = self.proof.load(Ordering::Acquire);
        proof != 0 && now.as_nanos().saturating_sub(proof) < limit
    }

    /// Whether nothing was heard of a subject since its answer was looked up.
    pub fn stands(&self, subject: usize, born: u64) -> bool {
        let changed = self.subjects.get(subject).map_or(u64::MAX, |counter| counter.load(Ordering::Acquire));
        born >= changed && born >= self.emptied.load(Ordering::Acquire)
    }

    /// Whether nothing was heard of clients since one was looked up.
    pub fn clients_stand(&self, born: u64) -> bool {
        born >= self.clients.load(Ordering::Acquire) && born >= self.emptied.load(Ordering::Acquire)
    }

    /// How old the proof is; `None` before the first.
    pub fn proof_age(&self, now: Uptime) -> Option<Duration> {
        let proof = self.proof.load(Ordering::Acquire);
        (proof != 0).then(|| Duration::from_nanos(now.as_nanos().saturating_sub(proof)))
    }
}

/// The counter of a user and their tokens. Ids that follow each other lie side by side.
pub fn user_subject(id: i64) -> usize {
    bucket(id.cast_unsigned())
}

/// The counter of a token that is not there (yet).
pub fn unknown_subject(digest: &TokenDigest) -> usize {
    bucket(digest.prefix())
}

#[expect(clippy::cast_possible_truncation, reason = "fourteen of its bits are wanted")]
const fn bucket(number: u64) -> usize {
    number as usize & (SUBJECTS - 1)
}
