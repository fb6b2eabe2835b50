//! Test support: a database server, the binary as a process, raw HTTP, a browser.
#![allow(dead_code, reason = "a test program need not use every part")]

use std::thread::sleep;
use std::time::{Duration, Instant};

pub mod app;
pub mod browser;
pub mod calls;
pub mod certificate;
pub mod console;
pub mod http;
pub mod postgres;
pub mod process;
pub mod python;
pub mod session;
pub mod watched;

/// Calls `f` until it returns a value. Panics if that takes too long.
#[track_caller]
pub fn eventually<T>(what: &str, limit: Duration, f: impl FnMut() -> Option<T>) -> T {
    let Some(found) = within(limit, f) else { panic!("not within {limit:?}: {what}") };
    found
}

/// Waits until a server has received every change that was made before this call, by anybody.
#[track_caller]
pub fn wait_until_synced(addr: std::net::SocketAddr) {
    let since = Instant::now();
    eventually("a sync after this call", Duration::from_mins(1), || {
        // This is measured before the age is requested, because the time of the request must not count.
        let passed = since.elapsed().as_secs_f64();
        let text = http::Request::new("GET", "/metrics").send(addr).text();
        let age = text
            .lines()
            .find_map(|line| line.strip_prefix("jeton_cache_proof_age_seconds "))
            .expect("the metric is there");
        let age: f64 = age.parse().unwrap();
        (age < passed).then_some(())
    });
}

/// The same, but returns `None` if it takes too long.
pub fn within<T>(limit: Duration, mut f: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        // The clock is read first: a thread that was suspended until the deadline may still try once.
        let late = Instant::now() >= deadline;
        let found = f();
        if late || found.is_some() {
            return found;
        }
        sleep(Duration::from_millis(5));
    }
}
