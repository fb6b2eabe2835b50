//! Readers beside writers: an answer is all of what one of them wrote.

use std::sync::atomic::{AtomicUsize, Ordering};

use jeton::domain::time::Uptime;
use jeton::service::introspection::cache::Staleness;

use super::{MS, at, cache, digest, entry};

const WRITERS: usize = 2;

#[test]
fn a_reader_sees_all_of_an_answer_or_nothing_of_it() {
    let cache = cache(1 << 20);
    cache.mark_synced(Uptime::from_nanos(MS));
    let (writing, seen) = (AtomicUsize::new(WRITERS), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (cache, writing) = (&cache, &writing);
            scope.spawn(move || {
                for turn in 0..20_000 {
                    // Of many pieces, all of the same length: only their bytes tell them apart.
                    let byte = u8::try_from((turn * WRITERS + writer) % 256).unwrap();
                    cache.insert(&digest(1), cache.change_seq(), entry(7, &[byte; 3_000]));
                }
                writing.fetch_sub(1, Ordering::SeqCst);
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while writing.load(Ordering::SeqCst) > 0 {
                    let Some(found) = cache.get(&digest(1), at(MS), Staleness::Bound) else { continue };
                    assert_eq!(found.text, [found.text[0]; 3_000]);
                    seen.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert!(seen.into_inner() > 0, "an answer to judge");
}
