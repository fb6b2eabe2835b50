//! Open files: as many as the system lets us have, and what of them is for connections.

use rustix::process::{Resource, getrlimit, setrlimit};

use super::wire::{Connections, WAITING};
use crate::config::Config;

/// For what is open anyway: standard streams, listeners, event loops.
const BASE: usize = 64;
/// Of each database connection: a file, its log and its index over SQLite, a socket over PostgreSQL.
const EACH_DATABASE_CONNECTION: usize = 3;
/// For each worker: its event loop, and connections that wait to be let in.
const EACH_WORKER: usize = 8 + WAITING;
/// `/metrics` on an address of its own.
pub const METRICS_CONNECTIONS: usize = 64;

/// Raises the limit of open files as far as it goes, and gives how many connections there may be at once: what
/// `JETON_MAX_CONNECTIONS` says, if that many fit below the limit beside everything else.
pub fn connections(config: &Config) -> usize {
    let wanted = config.serving.max_connections as usize;
    let Some(limit) = raised() else { return wanted };
    let database = config.database.options.pool as usize + 2;
    let taken = BASE + EACH_DATABASE_CONNECTION * database + EACH_WORKER * config.serving.workers + METRICS_CONNECTIONS;
    let fitting = limit.saturating_sub(taken + Connections::slack(limit)).max(1);
    if fitting < wanted {
        log::warn!(
            "{limit} files may be open (ulimit -n): of JETON_MAX_CONNECTIONS={wanted} connections {fitting} are taken at once"
        );
    }
    fitting.min(wanted)
}

/// The limit of open files, raised to what the system allows at most; none where there is no limit.
fn raised() -> Option<usize> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let soft = limit.current;
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            log::warn!("the limit of open files stays as it is: {error}");
            limit.current = soft;
        }
    }
    limit.current.map(|files| usize::try_from(files).unwrap_or(usize::MAX))
}
