//! Memory that many threads read without writing to it, and that one thread at a time changes: a sequence lock over
//! atomic words. Readers take no lock, so two workers that read the same block never compete for its cache line.

use super::atomic::{AtomicU64, Ordering, fence};

/// How often a reader tries again when a writer has disturbed it. After that the caller asks the database.
const ATTEMPTS: usize = 4;

/// The words of a block; the first is its sequence number, odd while somebody writes.
pub struct Block<'a> {
    sequence: &'a AtomicU64,
    words: &'a [AtomicU64],
}

impl<'a> Block<'a> {
    /// A block of these words, all zero at first. `None` if there are no words.
    pub fn new(words: &'a [AtomicU64]) -> Option<Self> {
        let (sequence, words) = words.split_first()?;
        Some(Self { sequence, words })
    }

    /// What `look` returns for a consistent view of the words; `None` after repeated interference by writers.
    ///
    /// `look` may see words that are half written. Its result is then discarded, but it must not panic.
    pub fn read<T>(&self, look: impl Fn(&[AtomicU64]) -> T) -> Option<T> {
        for _ in 0..ATTEMPTS {
            let before = self.sequence.load(Ordering::Acquire);
            if before.is_multiple_of(2) {
                let seen = look(self.words);
                // The words are read before the sequence number is read again.
                fence(Ordering::Acquire);
                if self.sequence.load(Ordering::Relaxed) == before {
                    return Some(seen);
                }
            }
            std::hint::spin_loop();
        }
        None
    }

    /// Lets `change` write the words. Returns `false`, and does nothing, if another thread is writing.
    pub fn write(&self, change: impl FnOnce(&[AtomicU64])) -> bool {
        let before = self.sequence.load(Ordering::Relaxed);
        if !before.is_multiple_of(2)
            || self.sequence.compare_exchange(before, before + 1, Ordering::Acquire, Ordering::Relaxed).is_err()
        {
            return false;
        }
        // The number is odd before any word changes.
        fence(Ordering::Release);
        change(self.words);
        self.sequence.store(before + 2, Ordering::Release);
        true
    }
}
