//! Which answers are cached, for how long, and in how much memory.

use std::collections::HashMap;
use std::time::Duration;

use jeton::domain::change::Change;
use jeton::domain::time::{Timestamp, Uptime};
use jeton::domain::token::TokenDigest;
use jeton::service::cache::{Cache, NewEntry, Now, Staleness};
use proptest::prelude::*;

use super::{BOUND, MS, at, cache, digest, entry};

const MIB: u64 = 1 << 20;

fn text(cache: &Cache, number: u64, now: Now) -> Option<Vec<u8>> {
    cache.get(&digest(number), now, Staleness::Bound).map(|cached| cached.text)
}

#[test]
fn no_answer_is_served_without_a_sync_or_after_the_sync_is_too_old() {
    let cache = cache(MIB);
    cache.insert(&digest(1), cache.change_seq(), entry(7, b"seven"));
    assert_eq!(text(&cache, 1, at(5 * MS)), None, "never synced");
    cache.mark_synced(Uptime::from_nanos(5 * MS));
    assert_eq!(text(&cache, 1, at(1_004 * MS)).as_deref(), Some(&b"seven"[..]));
    assert_eq!(text(&cache, 1, at(1_005 * MS)), None, "at the bound the sync is too old");
    cache.mark_synced(Uptime::from_nanos(1_005 * MS));
    assert!(text(&cache, 1, at(1_005 * MS)).is_some(), "after a new sync the entry is served again");
}

#[test]
fn each_change_invalidates_the_entries_that_it_concerns() {
    let cache = cache(MIB);
    cache.mark_synced(Uptime::from_nanos(MS));
    let fill = || {
        cache.insert(&digest(1), cache.change_seq(), entry(7, b"seven"));
        cache.insert(&digest(2), cache.change_seq(), entry(8, b"eight"));
        cache.insert(&digest(3), cache.change_seq(), NewEntry { of: None, code: 2, ..entry(0, b"") });
    };
    let cached_count = || [1, 2, 3].map(|number| text(&cache, number, at(MS)).is_some());
    fill();
    assert_eq!(cached_count(), [true; 3]);
    cache.apply(&Change::User(7));
    assert_eq!(cached_count(), [false, true, true]);
    fill();
    cache.apply(&Change::Token(1_007));
    assert_eq!(cached_count(), [false, true, true], "one of user 7's tokens");
    cache.apply(&Change::created(&digest(3)));
    assert_eq!(cached_count(), [false, true, false]);
    let change_seq = cache.change_seq();
    cache.apply(&Change::Client("billing".into()));
    assert_eq!(cached_count(), [false, true, false], "no token depends on clients");
    assert!(!cache.clients_are_current(change_seq, Uptime::from_nanos(MS), Staleness::Bound));
    assert!(cache.clients_are_current(cache.change_seq(), Uptime::from_nanos(MS), Staleness::Bound));
    fill();
    assert_eq!(cached_count(), [true; 3]);
    let change_seq = cache.change_seq();
    cache.apply(&Change::Everything);
    assert_eq!(cached_count(), [false; 3]);
    assert!(!cache.clients_are_current(change_seq, Uptime::from_nanos(MS), Staleness::Bound));
}

#[test]
fn an_answer_looked_up_before_a_change_is_never_served() {
    let cache = cache(MIB);
    cache.mark_synced(Uptime::from_nanos(MS));
    let change_seq = cache.change_seq();
    cache.apply(&Change::User(7));
    cache.insert(&digest(1), change_seq, entry(7, b"old"));
    assert_eq!(text(&cache, 1, at(MS)), None);
    cache.insert(&digest(1), cache.change_seq(), entry(7, b"new"));
    assert_eq!(text(&cache, 1, at(MS)).as_deref(), Some(&b"new"[..]));
}

#[test]
fn an_entry_is_a_hit_until_hit_until_and_served_on_errors_until_ends_at() {
    let cache = Cache::new(MIB, BOUND, Duration::from_secs(10)).unwrap();
    cache.mark_synced(Uptime::from_nanos(MS));
    let start = at(MS).time;
    let answer = NewEntry {
        hit_until: start.after(Duration::from_secs(1)),
        ends_at: start.after(Duration::from_secs(5)),
        ..entry(7, b"x")
    };
    cache.insert(&digest(1), cache.change_seq(), answer);
    let served = |seconds, uptime, staleness| {
        let now = Now { time: start.after(Duration::from_secs(seconds)), uptime: Uptime::from_nanos(uptime) };
        cache.get(&digest(1), now, staleness).is_some()
    };
    assert!(served(0, MS, Staleness::Bound));
    assert!(!served(1, MS, Staleness::Bound), "the database must be asked again");
    assert!(served(1, MS, Staleness::StaleIfError));
    assert!(
        served(4, 11_000 * MS, Staleness::StaleIfError),
        "eleven seconds are within the bound and ten seconds more"
    );
    assert!(!served(4, 11_001 * MS, Staleness::StaleIfError));
    assert!(!served(5, MS, Staleness::StaleIfError), "an entry is never served past its end");
}

#[test]
fn memory_is_bounded_and_a_flood_of_unknown_tokens_evicts_no_valid_one() {
    let cache = cache(MIB);
    cache.mark_synced(Uptime::from_nanos(MS));
    let body = [b'x'; 240];
    for number in 0..1_000 {
        cache.insert(&digest(number), cache.change_seq(), entry(7, &body));
    }
    let known = |cache: &Cache| (0..1_000).filter(|number| text(cache, *number, at(MS)).is_some()).count();
    assert_eq!(known(&cache), 1_000);
    for number in 1_000..100_000 {
        cache.insert(&digest(number), cache.change_seq(), NewEntry { of: None, code: 2, ..entry(0, b"") });
    }
    assert_eq!(known(&cache), 1_000);
    for number in 1_000..100_000 {
        cache.insert(&digest(number), cache.change_seq(), entry(7, &body));
    }
    let all = (0..100_000).filter(|number| text(&cache, *number, at(MS)).is_some()).count();
    // 1 MiB less a sixteenth, in entries of 304 bytes.
    assert!((2_500..3_300).contains(&all), "{all}");
    assert!((99_990..100_000).all(|number| text(&cache, number, at(MS)).is_some()), "the newest are cached");
}

fn of_words(words: [u64; 4]) -> TokenDigest {
    TokenDigest::from_bytes(&words.map(u64::to_be_bytes).concat()).unwrap()
}

#[test]
fn digests_that_differ_in_one_word_are_not_confused() {
    let cache = cache(8192);
    cache.mark_synced(Uptime::from_nanos(MS));
    let digests = [[1, 2, 3, 4], [9, 2, 3, 4], [1, 2 | 1 << 40, 3, 4], [1, 2, 9, 4], [1, 2, 3, 9]].map(of_words);
    let served = |digest| cache.get(digest, at(MS), Staleness::Bound).map(|cached| cached.text);
    for cached in &digests {
        cache.insert(cached, cache.change_seq(), entry(7, b"mine"));
        for digest in &digests {
            assert_eq!(served(digest).is_some(), digest == cached);
        }
    }
}

/// A username may be any text. In a full ring it may be stored where the entry of another answer began.
#[test]
fn the_text_of_an_answer_is_never_read_as_an_entry() {
    let cache = cache(8192);
    cache.mark_synced(Uptime::from_nanos(MS));
    let victim = of_words([1, 2, 3, 4]);
    cache.insert(&digest(100), cache.change_seq(), entry(7, &[b'x'; 800]));
    cache.insert(&victim, cache.change_seq(), entry(7, b"{\"active\":false}"));
    // An entry begins with its digest, `ChangeSeq`, invalidation key and length, `hit_until` and `ends_at`: eight words.
    let forged = b"{\"active\":true}";
    let facts = [u64::MAX >> 1, (forged.len() as u64) << 32 | 7, u64::MAX >> 1, u64::MAX >> 1];
    let header: Vec<u8> = victim.words().into_iter().chain(facts).flat_map(u64::to_ne_bytes).collect();
    let text = [vec![b'x'; 800], header, forged.to_vec(), vec![b'x'; 300]].concat();
    // None of these has the victim's tag, or it would take the victim's place before it is overwritten.
    for number in 200..240 {
        cache.insert(&digest(number), cache.change_seq(), entry(8, &text));
        let served = cache.get(&victim, at(MS), Staleness::Bound).map(|cached| cached.text);
        assert_ne!(served.as_deref(), Some(&forged[..]), "after {} others", number - 200);
    }
}

#[test]
fn the_default_size_holds_a_hundred_thousand_tokens() {
    let cache = cache(64 * MIB);
    cache.mark_synced(Uptime::from_nanos(MS));
    let body = [b'x'; 300];
    for number in 0..100_000 {
        cache.insert(&digest(number), cache.change_seq(), entry(7, &body));
    }
    let cached_count = (0..100_000).filter(|number| text(&cache, *number, at(MS)).is_some()).count();
    assert!(cached_count > 99_900, "{cached_count}");
}

#[test]
fn without_memory_there_is_no_cache() {
    for bytes in [0, 1, 8191] {
        let cache = cache(bytes);
        assert!(!cache.is_on());
        cache.mark_synced(Uptime::from_nanos(MS));
        cache.insert(&digest(1), cache.change_seq(), entry(7, b"x"));
        assert_eq!(text(&cache, 1, at(MS)), None);
        assert!(
            cache.clients_are_current(cache.change_seq(), Uptime::from_nanos(MS), Staleness::Bound),
            "clients do not need the cache"
        );
    }
    assert!(cache(8192).is_on());
}

#[test]
fn more_memory_than_the_system_has_is_refused() {
    for bytes in [u64::MAX, 1 << 56] {
        assert!(Cache::new(bytes, BOUND, Duration::ZERO).is_none(), "{bytes}");
    }
}

proptest! {
    /// After any insertions, a hit is the last answer that was inserted for the digest, and complete.
    #[test]
    fn answers_are_never_mixed_up(cached in prop::collection::vec((0_u64..40, 0_usize..5_000), 1..200)) {
        let cache = cache(8192);
        cache.mark_synced(Uptime::from_nanos(MS));
        let mut last: HashMap<u64, Vec<u8>> = HashMap::new();
        for (turn, (number, len)) in cached.into_iter().enumerate() {
            let body: Vec<u8> = (0..len).map(|at| u8::try_from((at + turn) % 251).unwrap()).collect();
            cache.insert(&digest(number), cache.change_seq(), entry(7, &body));
            // A text that is too long is not inserted, and the old entry may stay.
            if text(&cache, number, at(MS)).as_ref() == Some(&body) {
                last.insert(number, body);
            } else {
                prop_assert!(len > 3_900, "{len} bytes fit");
            }
            for (number, body) in &last {
                let served = text(&cache, *number, at(MS));
                prop_assert!(served.is_none() || served.as_ref() == Some(body));
            }
        }
    }

    /// A hit ends with the entry, to the microsecond.
    #[test]
    fn an_entry_is_never_served_past_its_end(end in 0_i64..1_000_000, later in -2_i64..=2) {
        let cache = cache(8192);
        cache.mark_synced(Uptime::from_nanos(MS));
        let end = Timestamp::from_micros(end);
        cache.insert(&digest(1), cache.change_seq(), NewEntry { hit_until: end, ends_at: end, ..entry(7, b"x") });
        let now = Now { time: Timestamp::from_micros(end.as_micros() + later), uptime: Uptime::from_nanos(MS) };
        prop_assert_eq!(cache.get(&digest(1), now, Staleness::Bound).is_some(), now.time < end);
    }
}
