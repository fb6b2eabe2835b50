//! The cache by itself: no database, no server, no real time.

mod memory;
mod model;
mod threads;
mod two_nodes;

use std::cell::Cell;
use std::fmt::Debug;
use std::time::Duration;

use jeton::domain::time::{Timestamp, Uptime};
use jeton::domain::token::TokenDigest;
use jeton::service::cache::{Cache, NewEntry, Now, TokenIds};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

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
    let of = Some(TokenIds { token_id: user + 1_000, user_id: user });
    NewEntry { of, hit_until: Timestamp::NEVER, ends_at: Timestamp::NEVER, code: 0, text }
}

fn cache(bytes: u64) -> Cache {
    Cache::new(bytes, BOUND, Duration::ZERO).expect("the system has this much memory")
}

/// Searches orders of `events` for one that `run` refuses, because it leads to a stale answer. Returns the sum of what `run`
/// returns, which is how many answers it has checked, or the shortest order that was refused.
fn search<E: Clone + Debug>(
    events: &[E],
    cases: u32,
    run: impl Fn(Vec<E>) -> Result<usize, String>,
) -> Result<usize, String> {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let checked = Cell::new(0);
    let order = |places: Vec<usize>| -> Vec<E> { places.into_iter().map(|place| events[place].clone()).collect() };
    // The strategy generates places in the list, which is much faster than a choice among strategies.
    let places = prop::collection::vec(0..events.len(), 1..60);
    let result = TestRunner::new(config).run(&places, |places| {
        checked.set(checked.get() + run(order(places)).map_err(TestCaseError::fail)?);
        Ok(())
    });
    match result {
        Ok(()) => Ok(checked.get()),
        Err(TestError::Fail(reason, places)) => Err(format!("{reason}: {:?}", order(places))),
        Err(TestError::Abort(reason)) => panic!("the search has ended early: {reason}"),
    }
}
