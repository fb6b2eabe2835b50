//! What a hit costs inside the process: the digest of the presented key, the proof, the cache; no HTTP, no clocks.
//!
//! `cargo run --profile dist --example hit` prints nanoseconds; `valgrind --tool=callgrind` counts its instructions, the same
//! each time, so that a change of a few of them shows (`scripts/bench hit` does).

#![allow(clippy::disallowed_methods, clippy::cast_precision_loss, reason = "a measuring program")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use jeton::domain::time::{Timestamp, Uptime};
use jeton::domain::token::Token;
use jeton::service::cache::{Cache, NewEntry, Now, Staleness, TokenIds};

const TOKENS: usize = 10_000;

fn main() {
    let hits: usize = std::env::args().nth(1).map_or(1_000_000, |count| count.parse().expect("a number"));
    let cache = Cache::new(64 << 20, Duration::from_hours(1), Duration::ZERO).expect("64 MiB");
    let keys: Vec<String> = (0..TOKENS).map(|_| Token::generate(None).expose().to_owned()).collect();
    let end = Timestamp::NEVER;
    for (id, key) in (0_i64..).zip(&keys) {
        let digest = Token::parse(key, None).expect("a key").digest();
        let (text, of) = (&[b'x'; 190], Some(TokenIds { token_id: id, user_id: id }));
        cache.insert(&digest, cache.change_seq(), NewEntry { of, hit_until: end, ends_at: end, code: 0, text });
    }
    // The clocks are left out: valgrind hides what they are read by.
    let now = Now { time: Timestamp::from_micros(0), uptime: Uptime::from_nanos(1) };
    cache.mark_synced(now.uptime);
    let started = Instant::now();
    for hit in 0..hits {
        // Far from each other, as requests come.
        let key = &keys[hit * 7_919 % TOKENS];
        let digest = Token::parse(key, None).expect("a key").digest();
        assert!(black_box(cache.get(&digest, now, Staleness::Bound)).is_some());
    }
    println!("{:.0}", started.elapsed().as_nanos() as f64 / hits as f64);
}
