//! Raises the limit of open files, and finds how many connections fit below it.

use rustix::process::{Resource, getrlimit, setrlimit};

use super::wire::{Connections, MAX_WAITING};
use crate::config::Config;

/// Files that are always open: standard streams, listeners, event loops.
const BASE: usize = 64;
/// Files of each database connection: a file, its log and its index for SQLite, a socket for PostgreSQL.
const EACH_DATABASE_CONNECTION: usize = 3;
/// Database connections outside the pool: the reader of the change log and its listener for hints.
const BESIDE_THE_POOL: usize = 2;
/// Files of each worker: its event loop, and connections that wait to be admitted.
const EACH_WORKER: usize = 8 + MAX_WAITING;
/// Connections to `/metrics` on a separate address.
pub const METRICS_CONNECTIONS: usize = 64;

/// Raises the limit of open files as far as the system allows. Returns how many client connections are allowed at once:
/// `JETON_MAX_CONNECTIONS`, or fewer if that many do not fit below the limit.
pub fn raise_limit_for_connections(config: &Config) -> usize {
    let wanted = config.serving.max_connections as usize;
    let Some(limit) = raise_limit() else { return wanted };
    let database = config.database.options.pool as usize + BESIDE_THE_POOL;
    let taken = BASE + EACH_DATABASE_CONNECTION * database + EACH_WORKER * config.serving.workers + METRICS_CONNECTIONS;
    let fitting = limit.saturating_sub(taken + Connections::slack(limit)).max(1);
    if fitting < wanted {
        log::warn!(
            "only {fitting} of JETON_MAX_CONNECTIONS={wanted} connections fit below the limit of {limit} open files (ulimit -n)"
        );
    }
    fitting.min(wanted)
}

/// Raises the limit of open files to the system's maximum. `None` if there is no limit.
fn raise_limit() -> Option<usize> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let soft = limit.current;
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            log::warn!("the limit of open files cannot be raised: {error}");
            limit.current = soft;
        }
    }
    limit.current.map(|files| usize::try_from(files).unwrap_or(usize::MAX))
}
