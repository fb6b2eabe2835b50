//! The cache by itself: no database, no server, no real time.

mod memory;
mod model;
mod threads;

use std::time::Duration;

use jeton::domain::time::{Timestamp, Uptime};
use jeton::domain::token::TokenDigest;
use jeton::service::cache::{Cache, NewEntry, Now, Owned};

const MS: u64 = 1_000_000;
const BOUND: Duration = Duration::from_secs(1);

fn digest(number: u64) -> TokenDigest {
    // Spread over all blocks, as real digests are.
    let words = [number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number, !number, 7];
    TokenDigest::from_bytes(&words.map(u64::to_be_bytes).concat()).unwrap()
}

fn at(nanos: u64) -> Now {
    Now { time: Timestamp::from_micros(1_750_000_000_000_000), uptime: Uptime::from_nanos(nanos) }
}

fn entry(user: i64, text: &[u8]) -> NewEntry<'_> {
    let of = Some(Owned { token_id: user + 1_000, user_id: user });
    NewEntry { of, hit_until: Timestamp::NEVER, ends_at: Timestamp::NEVER, code: 0, text }
}

fn cache(bytes: u64) -> Cache {
    Cache::new(bytes, BOUND, Duration::ZERO).expect("the system has this much memory")
}
