//! What is kept where, how long, and how much of it.

use std::collections::HashMap;
use std::process::Command;
use std::sync::Barrier;
use std::time::Duration;

use jeton::domain::change::Change;
use jeton::domain::time::{Timestamp, Uptime};
use jeton::domain::token::TokenDigest;
use jeton::service::introspection::cache::{Cache, NewEntry, Now, Staleness};
use proptest::prelude::*;

use super::{BOUND, MS, at, cache, digest, entry};

const MIB: u64 = 1 << 20;

fn text(cache: &Cache, number: u64, now: Now) -> Option<Vec<u8>> {
    cache.get(&digest(number), now, Staleness::Bound).map(|kept| kept.text)
}

#[test]
fn nothing_is_given_without_a_proof_and_nothing_on_one_that_is_too_old() {
    let cache = cache(MIB);
    cache.insert(&digest(1), cache.change_seq(), entry(7, b"seven"));
    assert_eq!(text(&cache, 1, at(5 * MS)), None, "never proven");
    cache.mark_synced(Uptime::from_nanos(5 * MS));
    assert_eq!(text(&cache, 1, at(1_004 * MS)).as_deref(), Some(&b"seven"[..]));
    assert_eq!(text(&cache, 1, at(1_005 * MS)), None, "at the bound it is over");
    cache.mark_synced(Uptime::from_nanos(1_005 * MS));
    assert!(text(&cache, 1, at(1_005 * MS)).is_some(), "and a new proof lets it live again");
}

#[test]
fn each_change_ends_what_it_concerns() {
    let cache = cache(MIB);
    cache.mark_synced(Uptime::from_nanos(MS));
    let fill = || {
        cache.insert(&digest(1), cache.change_seq(), entry(7, b"seven"));
        cache.insert(&digest(2), cache.change_seq(), entry(8, b"eight"));
        cache.insert(&digest(3), cache.change_seq(), NewEntry { user_id: None, code: 2, ..entry(0, b"") });
    };
    let there = || [1, 2, 3].map(|number| text(&cache, number, at(MS)).is_some());
    fill();
    assert_eq!(there(), [true; 3]);
    cache.apply(Change::User(7));
    assert_eq!(there(), [false, true, true]);
    cache.apply(Change::created(&digest(3)));
    assert_eq!(there(), [false, true, false]);
    let change_seq = cache.change_seq();
    cache.apply(Change::Clients);
    assert_eq!(there(), [false, true, false], "clients are nobody's tokens");
    assert!(!cache.clients_are_current(change_seq, Uptime::from_nanos(MS), Staleness::Bound));
    assert!(cache.clients_are_current(cache.change_seq(), Uptime::from_nanos(MS), Staleness::Bound));
    fill();
    assert_eq!(there(), [true; 3]);
    cache.apply(Change::Everything);
    assert_eq!(there(), [false; 3]);
    assert!(!cache.clients_are_current(change_seq, Uptime::from_nanos(MS), Staleness::Bound));
}

#[test]
fn an_answer_looked_up_before_a_change_is_never_served() {
    let cache = cache(MIB);
    cache.mark_synced(Uptime::from_nanos(MS));
    let change_seq = cache.change_seq();
    cache.apply(Change::User(7));
    cache.insert(&digest(1), change_seq, entry(7, b"old"));
    assert_eq!(text(&cache, 1, at(MS)), None);
    cache.insert(&digest(1), cache.change_seq(), entry(7, b"new"));
    assert_eq!(text(&cache, 1, at(MS)).as_deref(), Some(&b"new"[..]));
}

#[test]
fn both_ends_of_an_answer() {
    let cache = Cache::new(MIB, BOUND, Duration::from_secs(10)).unwrap();
    cache.mark_synced(Uptime::from_nanos(MS));
    let start = at(MS).time;
    let answer = NewEntry {
        hit_until: start.after(Duration::from_secs(1)),
        ends_at: start.after(Duration::from_secs(5)),
        ..entry(7, b"x")
    };
    cache.insert(&digest(1), cache.change_seq(), answer);
    let given = |seconds, uptime, staleness| {
        let now = Now { time: start.after(Duration::from_secs(seconds)), uptime: Uptime::from_nanos(uptime) };
        cache.get(&digest(1), now, staleness).is_some()
    };
    assert!(given(0, MS, Staleness::Bound));
    assert!(!given(1, MS, Staleness::Bound), "the database is to be asked again");
    assert!(given(1, MS, Staleness::StaleIfError));
    assert!(given(4, 11_000 * MS, Staleness::StaleIfError), "the bound and ten seconds");
    assert!(!given(4, 11_001 * MS, Staleness::StaleIfError));
    assert!(!given(5, MS, Staleness::StaleIfError), "never past its end");
}

#[test]
fn memory_is_bounded_and_a_flood_of_unknown_tokens_drives_out_no_good_one() {
    let cache = cache(MIB);
    cache.mark_synced(Uptime::from_nanos(MS));
    let body = [b'x'; 240];
    for number in 0..1_000 {
        cache.insert(&digest(number), cache.change_seq(), entry(7, &body));
    }
    let known = |cache: &Cache| (0..1_000).filter(|number| text(cache, *number, at(MS)).is_some()).count();
    assert_eq!(known(&cache), 1_000);
    for number in 1_000..100_000 {
        cache.insert(&digest(number), cache.change_seq(), NewEntry { user_id: None, code: 2, ..entry(0, b"") });
    }
    assert_eq!(known(&cache), 1_000);
    for number in 1_000..100_000 {
        cache.insert(&digest(number), cache.change_seq(), entry(7, &body));
    }
    let all = (0..100_000).filter(|number| text(&cache, *number, at(MS)).is_some_and(|text| text == body)).count();
    // 1 MiB less a sixteenth, in entries of 434 bytes.
    assert!((2_200..2_300).contains(&all), "{all}");
    assert!((99_990..100_000).all(|number| text(&cache, number, at(MS)).is_some()), "the newest are there");
}

#[test]
fn digests_that_are_nearly_alike_are_not_taken_for_each_other() {
    let cache = cache(MIB);
    cache.mark_synced(Uptime::from_nanos(MS));
    let words: [[u64; 4]; 5] = [[1, 2, 3, 4], [9, 2, 3, 4], [1, 2 | 1 << 40, 3, 4], [1, 2, 9, 4], [1, 2, 3, 9]];
    let digests = words.map(|words| TokenDigest::from_bytes(&words.map(u64::to_be_bytes).concat()).unwrap());
    let given = |digest| cache.get(digest, at(MS), Staleness::Bound).map(|kept| kept.text);
    for (number, digest) in (0..).zip(&digests) {
        assert_eq!(given(digest), None);
        cache.insert(digest, cache.change_seq(), entry(7, &[number; 700]));
    }
    for (number, digest) in (0..).zip(&digests) {
        assert_eq!(given(digest), Some(vec![number; 700]));
    }
}

#[test]
fn a_long_answer_finds_room_among_many_that_are_asked_for() {
    let cache = cache(MIB);
    cache.mark_synced(Uptime::from_nanos(MS));
    for number in 0..10_000 {
        cache.insert(&digest(number), cache.change_seq(), entry(7, b"short"));
        if number % 100 == 0 {
            (number.saturating_sub(1_000)..number).for_each(|asked| drop(text(&cache, asked, at(MS))));
        }
    }
    let long = vec![b'x'; 3_900];
    cache.insert(&digest(1 << 40), cache.change_seq(), entry(7, &long));
    assert_eq!(text(&cache, 1 << 40, at(MS)), Some(long));
}

#[test]
fn a_hundred_thousand_tokens_find_room_in_the_default() {
    let cache = cache(64 * MIB);
    cache.mark_synced(Uptime::from_nanos(MS));
    let body = [b'x'; 300];
    for number in 0..100_000 {
        cache.insert(&digest(number), cache.change_seq(), entry(7, &body));
    }
    let there = (0..100_000).filter(|number| text(&cache, *number, at(MS)).is_some()).count();
    assert!(there > 99_900, "{there}");
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Of the whole process, so in one of its own: this test, once more.
#[test]
fn the_process_takes_no_more_memory_for_answers_than_the_setting_says() {
    const CHILD: &str = "JETON_TEST_CACHE_MEMORY";
    const SETTING: u64 = 16 * MIB;
    if std::env::var(CHILD).is_err() {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "cache::memory::the_process_takes_no_more_memory_for_answers_than_the_setting_says"]);
        let output = child.env(CHILD, "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let small = cache(MIB);
    small.insert(&digest(1), small.change_seq(), entry(7, b"x"));
    let before = resident();
    let cache = cache(SETTING);
    let fill = |round: u64| {
        for number in round * 100_000..(round + 1) * 100_000 {
            // First none has a text, in the end all are long.
            let body = vec![b'x'; usize::try_from(round * (number % 500)).unwrap()];
            cache.insert(&digest(number), cache.change_seq(), entry(7, &body));
            cache.insert(&digest(number), cache.change_seq(), NewEntry { user_id: None, code: 2, ..entry(0, b"") });
        }
    };
    // In turns: memory that one thread has given back is not always another's.
    let turn = Barrier::new(2);
    std::thread::scope(|scope| {
        for parity in 0..2 {
            let (turn, fill) = (&turn, &fill);
            scope.spawn(move || {
                for round in 0..6 {
                    turn.wait();
                    if round % 2 == parity {
                        fill(round);
                    }
                }
            });
        }
    });
    let grown = resident() - before;
    // Half a MiB for the threads, and for the counters of changes.
    assert!((SETTING - MIB..SETTING + MIB / 2).contains(&grown), "{grown} bytes of {SETTING}");
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
            "clients need none of it"
        );
    }
    assert!(cache(8192).is_on());
}

#[test]
fn more_memory_than_there_is_is_refused() {
    for bytes in [u64::MAX, 1 << 56] {
        assert!(Cache::new(bytes, BOUND, Duration::ZERO).is_none(), "{bytes}");
    }
}

proptest! {
    /// Whatever is kept in whatever order: an answer is the last that was kept for its digest, whole, or none.
    #[test]
    fn answers_are_never_mixed_up(kept in prop::collection::vec((0_u64..40, 0_usize..5_000), 1..200)) {
        let cache = cache(MIB / 8);
        cache.mark_synced(Uptime::from_nanos(MS));
        let mut last: HashMap<u64, Vec<u8>> = HashMap::new();
        for (turn, (number, len)) in kept.into_iter().enumerate() {
            let body: Vec<u8> = (0..len).map(|at| u8::try_from((at + turn) % 251).unwrap()).collect();
            cache.insert(&digest(number), cache.change_seq(), entry(7, &body));
            // What is too long is not kept, nor are all that take many pieces of so little memory; what was there before may
            // stay.
            if text(&cache, number, at(MS)).as_ref() == Some(&body) {
                last.insert(number, body);
            } else {
                prop_assert!(len > 302, "{len} bytes find room");
            }
            for (number, body) in &last {
                let given = text(&cache, *number, at(MS));
                prop_assert!(given.is_none() || given.as_ref() == Some(body));
            }
        }
    }

    /// The hit ends with the earlier of its ends, to the microsecond.
    #[test]
    fn never_past_its_end(end in 0_i64..1_000_000, ask in 0_i64..1_000_000) {
        let cache = cache(8192);
        cache.mark_synced(Uptime::from_nanos(MS));
        let end = Timestamp::from_micros(end);
        cache.insert(&digest(1), cache.change_seq(), NewEntry { hit_until: end, ends_at: end, ..entry(7, b"x") });
        let now = Now { time: Timestamp::from_micros(ask), uptime: Uptime::from_nanos(MS) };
        prop_assert_eq!(cache.get(&digest(1), now, Staleness::Bound).is_some(), ask < end.as_micros());
    }
}
