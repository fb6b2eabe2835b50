//! What the tests stand on: a database server, the binary as a process, HTTP to the byte.
#![allow(dead_code, reason = "a test program need not use every part")]

use std::thread::sleep;
use std::time::{Duration, Instant};

pub mod app;
pub mod browser;
pub mod calls;
pub mod console;
pub mod http;
pub mod postgres;
pub mod process;
pub mod python;
pub mod session;
pub mod watched;

/// Asks `f` again and again until it has something to give; panics when that takes too long.
#[track_caller]
pub fn eventually<T>(what: &str, limit: Duration, f: impl FnMut() -> Option<T>) -> T {
    let Some(found) = within(limit, f) else { panic!("not within {limit:?}: {what}") };
    found
}

/// Waits until a server has proof that it heard everything that was changed before this call, by whomever.
#[track_caller]
pub fn heard(addr: std::net::SocketAddr) {
    let since = Instant::now();
    eventually("a proof that all was heard", Duration::from_mins(1), || {
        // Before the age is asked for: the way of the answer back must not make the proof younger.
        let passed = since.elapsed().as_secs_f64();
        let text = http::Request::new("GET", "/metrics").send(addr).text();
        let age =
            text.lines().find_map(|line| line.strip_prefix("jeton_cache_proof_age_seconds ")).expect("it is there");
        let age: f64 = age.parse().unwrap();
        (age < passed).then_some(())
    });
}

/// The same, for those who have more to say when it takes too long.
pub fn within<T>(limit: Duration, mut f: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        // The clock first: who was kept from running until the deadline may still ask once.
        let late = Instant::now() >= deadline;
        let found = f();
        if late || found.is_some() {
            return found;
        }
        sleep(Duration::from_millis(5));
    }
}
