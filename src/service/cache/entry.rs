//! One cached answer, stored as words.

use super::atomic::{AtomicU64, Ordering};
use super::freshness::InvalidationKey;
use crate::domain::time::Timestamp;
use crate::domain::token::TokenDigest;

/// Words before the text: the digest and four fields.
pub const HEADER_WORDS: usize = 8;

const CHANGE_SEQ: usize = 4;
/// This word has three fields: the invalidation key (32 bits), the length of the text in bytes (24) and the code (8).
const INVALIDATION_KEY: usize = 5;
const HIT_UNTIL: usize = 6;
const ENDS_AT: usize = 7;

/// A view of an entry's words. Reading one that is being written gives nonsense, but never a panic.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    header: &'a [AtomicU64; HEADER_WORDS],
    text: &'a [AtomicU64],
}

impl<'a> Entry<'a> {
    /// `None` when there are too few words.
    pub fn new(words: &'a [AtomicU64]) -> Option<Self> {
        let (header, text) = words.split_first_chunk()?;
        Some(Self { header, text })
    }

    fn get(&self, at: usize) -> u64 {
        self.header[at].load(Ordering::Relaxed)
    }

    fn set(&self, at: usize, value: u64) {
        self.header[at].store(value, Ordering::Relaxed);
    }

    pub fn digest(&self) -> [u64; 4] {
        std::array::from_fn(|at| self.get(at))
    }

    /// The change number when its lookup began.
    pub fn change_seq(&self) -> u64 {
        self.get(CHANGE_SEQ)
    }

    /// Which changes invalidate it, and the caller's number for the kind of answer.
    pub fn invalidation_key_and_code(&self) -> (InvalidationKey, u8) {
        let bits = self.get(INVALIDATION_KEY);
        (InvalidationKey::from_bits((bits & 0xffff_ffff) as u32), (bits >> 56) as u8)
    }

    /// Until when it may be served without asking the database.
    pub fn hit_until(&self) -> Timestamp {
        moment(self.get(HIT_UNTIL))
    }

    /// When the token ends.
    pub fn ends_at(&self) -> Timestamp {
        moment(self.get(ENDS_AT))
    }

    pub fn set_facts(
        &self,
        change_seq: u64,
        invalidation_key: InvalidationKey,
        code: u8,
        hit_until: Timestamp,
        ends_at: Timestamp,
    ) {
        self.set(CHANGE_SEQ, change_seq);
        let len = self.get(INVALIDATION_KEY) & 0x00ff_ffff_0000_0000;
        self.set(INVALIDATION_KEY, u64::from(code) << 56 | len | u64::from(invalidation_key.bits()));
        self.set(HIT_UNTIL, hit_until.as_micros().cast_unsigned());
        self.set(ENDS_AT, ends_at.as_micros().cast_unsigned());
    }

    /// Writes the digest and the text.
    pub fn write(&self, digest: &TokenDigest, text: &[u8]) {
        for (at, word) in digest.words().into_iter().enumerate() {
            self.set(at, word);
        }
        self.set(INVALIDATION_KEY, (text.len() as u64) << 32);
        for (word, bytes) in self.text.iter().zip(text.chunks(8)) {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_ne_bytes(whole), Ordering::Relaxed);
        }
    }

    /// The text.
    pub fn text(&self) -> Vec<u8> {
        let len = (self.get(INVALIDATION_KEY) >> 32) as usize & 0x00ff_ffff;
        let mut text = Vec::with_capacity(self.text.len() * 8);
        for word in self.text {
            text.extend_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        text.truncate(len);
        text
    }
}

fn moment(bits: u64) -> Timestamp {
    Timestamp::from_micros(bits.cast_signed())
}
