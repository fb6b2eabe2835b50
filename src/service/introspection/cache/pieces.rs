//! The answers, in a `quick_cache` whose entries all have one size, so that its memory is known before it fills. An answer
//! that is longer than an entry takes several.

use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, UnitWeighter};

use crate::domain::time::Timestamp;
use crate::domain::token::TokenDigest;

/// An answer of more pieces is not cached.
const MAX_PIECES: usize = 13;

/// What `quick_cache` adds to each entry: two links, and its part of a hash table, of 5 bytes a bucket. A bucket in eight
/// stays free, and the table doubles only while more than half of the others are taken: at most 32 buckets for 7 entries.
/// The table before it, half as large, may stay with the allocator.
const OVERHEAD: usize = 8 + 5 * 48 / 7;

/// How many entries a shard has at least, so that all pieces of an answer find room beside each other.
const MIN_SHARD: usize = 1024;

/// What an answer's first piece has about it.
#[derive(Clone, Copy)]
pub struct Facts {
    /// The change number when its lookup began.
    pub change_seq: u64,
    /// Until when it may be served without asking the database.
    pub hit_until: Timestamp,
    /// When the token ends.
    pub ends_at: Timestamp,
    /// Which changes invalidate it.
    pub invalidation_key: usize,
    /// A code of the caller's own.
    pub code: u8,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    digest: TokenDigest,
    place: u8,
}

#[derive(Clone)]
struct Piece<const LEN: usize> {
    facts: Facts,
    /// Which call of [`Pieces::insert`] wrote it: pieces of different ones are never put together.
    insert: u64,
    /// Of the whole text.
    len: u16,
    text: [u8; LEN],
}

/// Answers, in pieces of `LEN` bytes.
pub struct Pieces<const LEN: usize> {
    cache: Cache<Key, Piece<LEN>>,
    entries: usize,
    inserts: AtomicU64,
}

impl<const LEN: usize> Pieces<LEN> {
    const ENTRY: usize = size_of::<(Key, Piece<LEN>)>() + OVERHEAD;

    /// Takes at most `bytes` of memory, from the system as it fills.
    pub fn new(bytes: usize) -> Self {
        let entries = bytes / Self::ENTRY;
        let options = OptionsBuilder::new()
            .weight_capacity(entries as u64)
            // The crate makes shards of at least 32 of these.
            .estimated_items_capacity(entries / (MIN_SHARD / 32))
            // One half for what is asked for again, the other for what is new.
            .hot_allocation(0.5)
            // Evicted keys would be remembered in entries of full size.
            .ghost_allocation(0.0)
            .build()
            .expect("both capacities are given");
        let cache =
            Cache::with_options(options, UnitWeighter, DefaultHashBuilder::default(), DefaultLifecycle::default());
        // At once, for what grows later is copied meanwhile, and doubles. It becomes real memory when it is first written.
        cache.reserve(entries);
        Self { cache, entries, inserts: AtomicU64::new(0) }
    }

    /// Whether there is memory for any answer.
    pub fn is_on(&self) -> bool {
        self.entries > 0
    }

    /// Puts an answer in, in place of an older one of the same digest. A text that is too long is left out.
    pub fn insert(&self, digest: &TokenDigest, facts: Facts, text: &[u8]) {
        let (Ok(len), true) = (u16::try_from(text.len()), text.len() <= MAX_PIECES * LEN) else { return };
        let insert = self.inserts.fetch_add(1, Ordering::Relaxed);
        // An empty text is one piece, too.
        let empty: &[u8] = &[];
        let parts = text.chunks(LEN.max(1)).chain(text.is_empty().then_some(empty));
        for (place, part) in (0..).zip(parts) {
            let mut piece = Piece { facts, insert, len, text: [0; LEN] };
            piece.text[..part.len()].copy_from_slice(part);
            self.cache.insert(Key { digest: *digest, place }, piece);
        }
    }

    /// The answer for a digest, if it is there and good.
    pub fn find(&self, digest: &TokenDigest, is_good: impl FnOnce(&Facts) -> bool) -> Option<(Facts, Vec<u8>)> {
        let piece = |place| self.cache.get(&Key { digest: *digest, place });
        let first = piece(0).filter(|first| is_good(&first.facts))?;
        let len = usize::from(first.len);
        let mut text = Vec::with_capacity(len);
        text.extend_from_slice(&first.text[..len.min(LEN)]);
        let mut places = 1..;
        while text.len() < len {
            let next = piece(places.next()?).filter(|next| next.insert == first.insert)?;
            text.extend_from_slice(&next.text[..LEN.min(len - text.len())]);
        }
        Some((first.facts, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_takes_what_is_counted_for_it() {
        let pieces = Pieces::<302>::new(1 << 20);
        let facts = Facts {
            change_seq: 0,
            hit_until: Timestamp::NEVER,
            ends_at: Timestamp::NEVER,
            invalidation_key: 0,
            code: 0,
        };
        for number in 0_u64..20_000 {
            let digest = TokenDigest::from_bytes(&[number.to_be_bytes(); 4].concat()).unwrap();
            pieces.insert(&digest, facts, &[b'x'; 300]);
        }
        let (full, used) = (pieces.cache.len(), pieces.cache.memory_used());
        assert!(full + 1 >= pieces.entries, "{full}");
        assert_eq!(used.entries, full * (size_of::<(Key, Piece<302>)>() + 8));
        assert!(used.map <= full * (OVERHEAD - 8), "{used:?}");
    }
}
