//! The memory that threads share: loom tries every order in which threads can see each other's reads and writes.

/// The same module as in `service/cache/mod.rs`, but with loom's atomics.
mod atomic {
    pub use loom::sync::atomic::{AtomicU64, Ordering, fence};
}

#[path = "../../src/service/cache/block.rs"]
mod block;

use atomic::{AtomicU64, Ordering};
use block::Block;
use loom::sync::Arc;

fn words() -> Arc<Vec<AtomicU64>> {
    Arc::new((0..3).map(|_| AtomicU64::new(0)).collect())
}

/// Both words of the block, or `None` if another thread wrote meanwhile.
fn both(words: &[AtomicU64]) -> Option<(u64, u64)> {
    let look = |words: &[AtomicU64]| (words[0].load(Ordering::Relaxed), words[1].load(Ordering::Relaxed));
    Block::new(words).unwrap().read(look)
}

fn write(words: &[AtomicU64], value: u64) -> bool {
    Block::new(words).unwrap().write(|words| {
        words[0].store(value, Ordering::Relaxed);
        words[1].store(value, Ordering::Relaxed);
    })
}

#[test]
fn a_reader_sees_all_of_a_write_or_nothing_of_it() {
    loom::model(|| {
        let words = words();
        let writer = loom::thread::spawn({
            let words = Arc::clone(&words);
            move || assert!(write(&words, 1))
        });
        if let Some((one, other)) = both(&words) {
            assert_eq!(one, other, "the reader saw half of a write");
        }
        writer.join().unwrap();
        assert_eq!(both(&words), Some((1, 1)));
    });
}

#[test]
fn a_second_writer_does_not_wait_and_writes_nothing() {
    loom::model(|| {
        let words = words();
        let thread = loom::thread::spawn({
            let words = Arc::clone(&words);
            move || write(&words, 1)
        });
        let second = write(&words, 2);
        let first = thread.join().unwrap();
        assert!(first || second);
        let (one, two) = both(&words).expect("no thread writes any more");
        assert_eq!(one, two);
        assert!((one == 1 && first) || (one == 2 && second));
    });
}

/// The model detects the fault: without the sequence number the same reader sees half of a write.
#[test]
fn without_the_guard_the_model_finds_half_a_write() {
    let found = std::panic::catch_unwind(|| {
        loom::model(|| {
            let words = words();
            let writer = loom::thread::spawn({
                let words = Arc::clone(&words);
                move || assert!(write(&words, 1))
            });
            assert_eq!(words[1].load(Ordering::Relaxed), words[2].load(Ordering::Relaxed));
            writer.join().unwrap();
        });
    });
    assert!(found.is_err());
}
