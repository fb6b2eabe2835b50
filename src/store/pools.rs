//! The connections of a store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use r2d2::{Pool, PooledConnection};

use super::breaker::{Breaker, LogErrors};
use super::connection::Role;
use super::deadline::Deadline;
use super::error::StoreError;
use super::manager::{CONNECT_TIMEOUT, Manager};
use super::opened_file::OpenedFile;
use super::servers::Servers;
use super::write_turns::{WriteTurn, WriteTurns};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::safe_text::one_line;
use crate::domain::time::Stopwatch;
use crate::domain::user::UsernameCase;

/// How often a request that waits for a connection checks whether the database is down.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The maximum number of connections.
    pub pool: u32,
    /// How long a request waits for a connection, and a statement may run.
    pub timeout: Duration,
    /// Whether usernames that differ by case only are the same name.
    pub username_case: UsernameCase,
}

/// The connections of one URL.
pub struct Pools {
    pub url: DatabaseUrl,
    pub servers: Arc<Servers>,
    pub breaker: Arc<Breaker>,
    options: StoreOptions,
    file: Arc<OpenedFile>,
    read: Pool<Manager>,
    write: Pool<Manager>,
    write_turns: Arc<WriteTurns>,
}

/// A connection of a pool, and in PostgreSQL a write's turn.
pub struct PooledTurn {
    pub conn: PooledConnection<Manager>,
    _turn: Option<WriteTurn>,
}

impl Pools {
    /// Creates the pools. No connection is opened.
    pub fn new(url: &DatabaseUrl, options: &StoreOptions, file: &Arc<OpenedFile>) -> Self {
        let (servers, breaker) = (Arc::<Servers>::default(), Arc::<Breaker>::default());
        let manager = |role| Manager::new(url.clone(), role, options.timeout, Arc::clone(file), Arc::clone(&servers));
        let pool = |size, role| {
            Pool::builder()
                .max_size(size)
                .min_idle(Some(0))
                .connection_timeout(options.timeout)
                .error_handler(Box::new(LogErrors(Arc::clone(&breaker))))
                .build_unchecked(manager(role))
        };
        // SQLite has only one writer at a time. With a single connection for writing, no write fails because the
        // database is busy.
        let (read, write) = match url {
            DatabaseUrl::Postgres(_) => {
                let shared = pool(options.pool, Role::Write);
                (shared.clone(), shared)
            }
            DatabaseUrl::Sqlite(_) => (pool(options.pool, Role::Read), pool(1, Role::Write)),
        };
        let write_turns = Arc::new(WriteTurns::of(options.pool));
        let (url, options, file) = (url.clone(), options.clone(), Arc::clone(file));
        Self { url, servers, breaker, options, file, read, write, write_turns }
    }

    /// Opens connections outside the pools.
    pub fn manager(&self, role: Role) -> Manager {
        let (file, servers) = (Arc::clone(&self.file), Arc::clone(&self.servers));
        Manager::new(self.url.clone(), role, self.options.timeout, file, servers)
    }

    /// Starts to check whether the database is down. Called when an answer takes long.
    pub fn start_probe(&self) {
        self.breaker.start_probe(&self.manager(Role::Read));
    }

    /// A connection of the pool.
    ///
    /// # Errors
    /// [`StoreError::Down`] at once while the database is known to be down; [`StoreError::Unavailable`].
    pub fn connect(&self, role: Role, deadline: Option<Deadline>, takes_turns: bool) -> Result<PooledTurn, StoreError> {
        let pool = self.of(role);
        let timeout = pool.connection_timeout();
        let max_wait = match deadline.map(Deadline::left).transpose()? {
            Some(left) => left.min(timeout),
            // Without a deadline, as at the start, the wait is long enough for an address that does not answer, and for
            // the next address.
            None => timeout + CONNECT_TIMEOUT,
        };
        let since = Stopwatch::start();
        let needs_turn = takes_turns && role == Role::Write && matches!(self.url, DatabaseUrl::Postgres(_));
        let mut turn = None;
        loop {
            self.breaker.check()?;
            let wait = max_wait.saturating_sub(since.elapsed()).min(CHECK_INTERVAL);
            if needs_turn && turn.is_none() {
                turn = self.write_turns.take(wait);
            }
            let error = if needs_turn && turn.is_none() {
                "too many writes wait for the database".to_owned()
            } else {
                match pool.get_timeout(wait) {
                    Ok(conn) => return Ok(PooledTurn { conn, _turn: turn }),
                    Err(error) => error.to_string(),
                }
            };
            if self.breaker.take_failed() || since.elapsed() >= max_wait / 3 {
                self.start_probe();
            }
            if since.elapsed() >= max_wait {
                return Err(StoreError::Unavailable(self.url.scrub(&one_line(&error))));
            }
        }
    }

    pub fn of(&self, role: Role) -> &Pool<Manager> {
        match role {
            Role::Read => &self.read,
            Role::Write => &self.write,
        }
    }
}

/// The current pools, shared by all clones of a store.
pub struct CurrentPools {
    current: RwLock<Arc<Pools>>,
    failures: AtomicU64,
}

impl CurrentPools {
    pub fn new(pools: Pools) -> Self {
        Self { current: RwLock::new(Arc::new(pools)), failures: AtomicU64::new(0) }
    }

    pub fn current(&self) -> Arc<Pools> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens connections of `pools` from now on.
    pub fn replace(&self, pools: Pools) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pools);
    }

    /// How many times no connection could be obtained.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Records that no connection could be obtained.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }
}
