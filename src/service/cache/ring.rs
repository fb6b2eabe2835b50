//! The entries of one block: a directory, and a ring of words in which each new entry overwrites the oldest.

use super::atomic::{AtomicU64, Ordering};
use super::entry::{Entry, HEADER_WORDS};
use crate::domain::token::TokenDigest;

/// The words of a block without its sequence number. With it they are 8 KiB, two pages.
pub const RING_WORDS: usize = 1023;
/// The maximum number of entries in a block: one for each 272 bytes, with its place in the directory.
const MAX_ENTRIES: usize = 30;
/// The word at which the entries begin: after the head, a word that says where the next entry goes, and the directory.
const FIRST_ENTRY: usize = 1 + MAX_ENTRIES;

/// The longest text of an entry, in bytes. A longer answer is not cached.
pub const MAX_TEXT: usize = (RING_WORDS - FIRST_ENTRY) / 2 * 8;

/// Where an entry is: 32 bits of its digest, its first word, its length in words; 0: nowhere.
#[derive(Clone, Copy)]
struct Place {
    tag: u32,
    first: usize,
    len: usize,
}

impl Place {
    fn read(word: &AtomicU64) -> Option<Self> {
        let bits = word.load(Ordering::Relaxed);
        #[expect(clippy::cast_possible_truncation, reason = "that is how it is packed")]
        let place =
            Self { tag: (bits >> 32) as u32, first: (bits >> 16) as usize & 0xffff, len: bits as usize & 0xffff };
        (bits != 0).then_some(place)
    }

    fn write(self, word: &AtomicU64) {
        word.store(u64::from(self.tag) << 32 | (self.first as u64) << 16 | self.len as u64, Ordering::Relaxed);
    }

    const fn end(self) -> usize {
        self.first + self.len
    }
}

/// 32 bits of the digest that neither the choice of the block nor [`super::freshness`] uses.
#[expect(clippy::cast_possible_truncation, reason = "32 of its bits are wanted")]
fn tag(digest: &TokenDigest) -> u32 {
    digest.words()[1] as u32
}

/// What `found` makes of the entry with this digest.
pub fn find<T>(words: &[AtomicU64], digest: &TokenDigest, found: impl FnOnce(Entry<'_>) -> Option<T>) -> Option<T> {
    let tag = tag(digest);
    let directory = words.get(1..FIRST_ENTRY)?;
    let place = directory.iter().filter_map(Place::read).find(|place| place.tag == tag)?;
    let entry = Entry::new(words.get(place.first..place.end())?)?;
    if entry.digest() == digest.words() { found(entry) } else { None }
}

/// Puts an entry in, in place of an older one of the same digest. A text that is too long is left out.
pub fn insert(words: &[AtomicU64], digest: &TokenDigest, text: &[u8], fill: impl FnOnce(Entry<'_>)) {
    let len = HEADER_WORDS + text.len().div_ceil(8);
    if text.len() > MAX_TEXT {
        return;
    }
    let tag = tag(digest);
    let (head, directory) = (&words[0], &words[1..FIRST_ENTRY]);
    let next = usize::try_from(head.load(Ordering::Relaxed)).unwrap_or(0).max(FIRST_ENTRY);
    let first = if next + len > words.len() { FIRST_ENTRY } else { next };
    let new = Place { tag, first, len };
    let (mut free, mut oldest) = (None, (usize::MAX, None));
    for slot in directory {
        let Some(place) = Place::read(slot) else {
            free = Some(slot);
            continue;
        };
        // Two digests that share a tag would hide each other, so the newer one takes the older one's place.
        if place.tag == tag || (place.first < new.end() && first < place.end()) {
            slot.store(0, Ordering::Relaxed);
            free = Some(slot);
            continue;
        }
        // How far the ring's head is from overwriting it.
        let distance = (place.first + words.len() - first) % words.len();
        if distance < oldest.0 {
            oldest = (distance, Some(slot));
        }
    }
    let Some(slot) = free.or(oldest.1) else { return };
    let Some(entry) = words.get(first..new.end()).and_then(Entry::new) else { return };
    entry.write(digest, text);
    fill(entry);
    new.write(slot);
    head.store(new.end() as u64, Ordering::Relaxed);
}
