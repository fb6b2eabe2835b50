//! `jeton serve` as a process: its first start, where it listens, what it refuses to start with, how it stops.

mod access;
mod first_start;
mod foreign;
mod hosts;
pub mod listen;
mod log_document;
mod log_reader;
mod logs;
mod nodes;
mod one_file;
mod postgres_tls;
mod proxies;
mod reload;
mod request_lines;
mod roles;
mod secret_keys;
mod signals;
mod start;
mod stop;

use std::time::Duration;

use crate::support::process::{Jeton, Output, Process};
use crate::support::within;

/// The longest wait for something that normally takes milliseconds.
pub const LIMIT: Duration = Duration::from_secs(20);

/// A jeton with default settings, except for cheap hashes and few threads.
pub fn bare() -> Jeton {
    Jeton::new()
        .env("JETON_ARGON2_MEMORY_KIB", "64")
        .env("JETON_ARGON2_ITERATIONS", "1")
        .env("JETON_LOGIN_THREADS", "1")
        .env("JETON_WORKERS", "2")
}

/// Waits until the log has the line that the server listens, at any address.
#[track_caller]
pub fn listening(process: &Process) {
    let listens = within(LIMIT, || {
        let ended = process.try_wait();
        let listens = process.stderr().contains(" listening on ");
        assert!(listens || ended.is_none(), "the server ended without listening: {process:?}");
        listens.then_some(())
    });
    assert!(listens.is_some(), "the server does not listen: {process:?}");
}

/// Starts a server, which must fail, and returns its last line if that begins with `error: `.
#[track_caller]
pub fn refuses_to_start(jeton: &Jeton) -> String {
    let output: Output = jeton.run(&["serve"]);
    assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output:?}");
    assert!(!output.stderr.contains(" listening on "), "{output:?}");
    output.stderr.lines().next_back().filter(|line| line.starts_with("error: ")).unwrap_or_default().to_owned()
}
