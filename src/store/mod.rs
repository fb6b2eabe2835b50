//! The database. The only room that uses Diesel and SQL.
//!
//! One `Store` for PostgreSQL and SQLite. Rules that keep queries portable:
//! 1. times are parameters from our clock; the database's clock is read only for comparison;
//! 2. one atomic statement rather than read, lock, write; where a user's tokens change, `users::lock` comes first;
//! 3. a unique violation is a result ([`StoreError::Taken`]) and ends its transaction;
//! 4. rows are inserted one by one, except by an import;
//! 5. SQL that must differ stands in a `match` arm.

mod audit;
mod backup;
mod breaker;
mod change_log;
mod checkpoint;
mod clients;
mod clock;
mod connect_error;
mod connection;
mod disk;
mod django;
mod error;
mod groups;
mod import;
mod last_logins;
mod login_networks;
mod login_tokens;
mod lookup;
mod manager;
mod meta;
mod migrations;
mod mode;
mod opened_file;
mod outcome;
mod overview;
mod own;
mod plans;
mod pool_connection;
mod pooler;
mod pools;
mod purge;
mod restore;
mod revocation;
mod revoke_many;
mod schema;
mod schema_state;
mod seals;
mod search_index;
mod servers;
mod sessions;
mod sqlite_file;
mod sqlite_log;
mod sqlstate;
mod system_roots;
mod tls;
mod tokens;
mod usage;
mod user_ids;
mod users;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::change::Change;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::time::Stopwatch;
pub use backup::Backup;
use change_log::Hints;
pub use change_log::{ChangeReader, Cursor, Reading, Since};
use connection::{Conn, Role};
use disk::Disk;
pub use django::{DJANGO_BATCH, DjangoSource};
pub use error::StoreError;
pub use import::{ImportTarget, ImportedEntry, ImportedToken};
pub use login_tokens::{Issue, Issued, SealedToken};
use manager::Manager;
pub use meta::MetaKey;
pub use mode::{ALL_BUT_OWNER, restrict_file_mode};
use opened_file::{OpenedFile, Written};
pub use outcome::{Changed, ClientChange, FormUse, OwnChange, Replaced, Revoked};
pub use overview::{HourOfLogins, MAX_COUNTED, UserCounts};
use pool_connection::PoolConnection;
use pools::{CurrentPools, Pools};
pub use purge::{Purge, Purged};
pub use restore::Restored;
pub use revocation::Regenerate;
pub use revoke_many::{Batch, TokenCounts, TokenFilter};
pub use schema_state::{Foreign, SchemaState};
pub use seals::Seal;
pub use sqlite_log::FileState;
pub use tokens::NewToken;
pub use usage::{LockedRows, TokenUse};

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The maximum number of connections.
    pub pool: u32,
    /// How long a request waits for a connection, and a statement may run.
    pub timeout: Duration,
}

/// A handle to the database; clones share its connections.
#[derive(Clone)]
pub struct Store {
    pools: Arc<CurrentPools>,
    url: DatabaseUrl,
    options: StoreOptions,
    file: Arc<OpenedFile>,
    disk: Arc<Disk>,
    deadline: Option<Deadline>,
    observer: Option<Arc<dyn Fn(Change) + Send + Sync>>,
    hints: Arc<Hints>,
}

#[derive(Clone, Copy)]
struct Deadline {
    since: Stopwatch,
    limit: Duration,
}

impl Deadline {
    fn left(self) -> Result<Duration, StoreError> {
        let left = self.limit.checked_sub(self.since.elapsed()).filter(|left| !left.is_zero());
        left.ok_or_else(|| StoreError::Unavailable(format!("not done within {:?}", self.limit)))
    }
}

impl Store {
    /// Creates a handle. No connection is opened before the first use, and no file is created before
    /// [`Store::migrate`].
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the folder of an SQLite file does not exist or the path is a folder, or when the
    /// URL requires TLS and this binary has none.
    pub fn open(url: &DatabaseUrl, options: &StoreOptions) -> Result<Self, StoreError> {
        if let DatabaseUrl::Sqlite(path) = url {
            sqlite_file::check_path(path)?;
        }
        tls::check(url)?;
        let file = Arc::<OpenedFile>::default();
        let pools = Arc::new(CurrentPools::new(Pools::new(url, options, &file)));
        let (url, options, disk) = (url.clone(), options.clone(), Arc::default());
        Ok(Self { pools, url, options, file, disk, deadline: None, observer: None, hints: Arc::default() })
    }

    /// The same store with a deadline: work that has not begun by then does not begin, and a transaction that is not
    /// committed by then is rolled back. So an error means that nothing was changed.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self { deadline: Some(Deadline { since: Stopwatch::start(), limit }), ..self.clone() }
    }

    /// The same store, calling `observer` for each change that is made through it: after its commit, before the call
    /// returns.
    #[must_use]
    pub fn on_change(self, observer: impl Fn(Change) + Send + Sync + 'static) -> Self {
        Self { observer: Some(Arc::new(observer)), ..self }
    }

    /// The URL that the store was opened with.
    #[must_use]
    pub const fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// # Errors
    /// [`StoreError::Down`] while the database is known to be down.
    pub fn check(&self) -> Result<(), StoreError> {
        self.pools.current().breaker.check().inspect_err(|_| self.pools.failed())
    }

    /// Starts to check whether the database is down. Called when an answer takes long.
    pub fn start_probe(&self) {
        self.pools.current().start_probe();
    }

    fn manager(&self, role: Role) -> Manager {
        self.pools.current().manager(role)
    }

    fn read<T>(&self, work: impl Fn(&mut Conn) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.with_connection(Role::Read, |opened| opened.run(&work))
    }

    /// Runs `work` on a connection. If that one has prepared statements for tables that have changed since, its work is
    /// undone, and `work` runs again on another connection.
    fn with_connection<T>(
        &self,
        role: Role,
        work: impl Fn(&mut PoolConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut done = work(&mut *self.connect(role)?);
        if matches!(done, Err(StoreError::Outdated(_))) {
            done = work(&mut *self.connect(role)?);
        }
        self.observe(done)
    }

    /// As [`Store::read`], without the statement timeout, which is for requests.
    fn read_without_timeout<T>(&self, work: impl Fn(&mut Conn) -> Result<T, StoreError>) -> Result<T, StoreError> {
        use diesel::connection::SimpleConnection;
        if !self.url.is_postgres() {
            return self.read(work);
        }
        self.with_connection(Role::Read, |opened| {
            opened.in_transaction(|conn| {
                conn.batch_execute("set local statement_timeout = 0")?;
                work(conn)
            })
        })
    }

    /// Runs `work` in a transaction that may write, and commits it when `work` succeeds.
    fn write<T>(&self, work: impl Fn(&mut Conn) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let (value, wrote, written) = self.with_connection(Role::Write, |opened| {
            opened.in_transaction(|conn| {
                let result = self.run_and_detect_writes(conn, &work)?;
                self.deadline.map(Deadline::left).transpose()?;
                Ok(result)
            })
        })?;
        if wrote {
            self.disk.write_succeeded();
        }
        if let Some(written) = written {
            self.checkpoint_first_write(written);
        }
        Ok(value)
    }

    /// Runs `work`. Also returns whether it has changed anything, if that matters, and the number of the transaction in
    /// an SQLite file.
    fn run_and_detect_writes<T>(
        &self,
        conn: &mut Conn,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
    ) -> Result<(T, bool, Option<Written>), StoreError> {
        match conn {
            Conn::Sqlite(_) => {
                // Read within the transaction, while nobody else can empty the log.
                let begins_log = self.log_state().is_none();
                let (value, transaction) = sqlite_log::counted(conn, work)?;
                let written = transaction.map(|transaction| Written { transaction, begins_log });
                Ok((value, written.is_some(), written))
            }
            Conn::Pg(_) => {
                let value = work(conn)?;
                let wrote = self.disk.refuses() && disk::has_written(conn)?;
                Ok((value, wrote, None))
            }
        }
    }

    /// Updates the known state of the database and its disk from a result.
    fn observe<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let pools = self.pools.current();
        match &result {
            Err(error @ StoreError::Disk(_)) => {
                pools.breaker.answered();
                self.disk.observe(error);
            }
            Err(error) if error.is_transient() => pools.start_probe(),
            _ => pools.breaker.answered(),
        }
        result
    }

    /// As [`Store::write`], for changes that make cached answers wrong: `work` records what it changes.
    fn change<T>(&self, work: impl Fn(&mut Conn, &mut Vec<Change>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let changes = RefCell::default();
        let result = self.write(|conn| work(conn, &mut changes.borrow_mut()));
        // After an error, too: a commit whose confirmation was lost may have succeeded.
        if let Some(observer) = &self.observer {
            for change in changes.into_inner() {
                observer(change);
            }
        }
        self.hint();
        result
    }

    /// Tells the readers of the change log that there may be something to read.
    fn hint(&self) {
        if !self.hints.record() {
            return;
        }
        match &self.url {
            DatabaseUrl::Postgres(_) => {
                if let Err(error) = self.on_writer(change_log::send_hint) {
                    log::debug!("cannot send a hint: {error}");
                }
            }
            // Other processes read as often as the bound asks for.
            DatabaseUrl::Sqlite(_) => {}
        }
    }

    /// Runs `work`, which is one statement and so its own transaction. In PostgreSQL this saves two round trips.
    fn write_statement<T>(&self, work: impl Fn(&mut Conn) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.url.is_postgres() { self.on_writer(work) } else { self.write(work) }
    }

    /// Runs `work` on the connection that writes, outside a transaction.
    fn on_writer<T>(&self, work: impl Fn(&mut Conn) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.with_connection(Role::Write, |opened| opened.run(&work))
    }

    fn connect(&self, role: Role) -> Result<r2d2::PooledConnection<Manager>, StoreError> {
        let pools = self.pools.current();
        pools.connect(role, self.deadline).inspect_err(|_| self.pools.failed())
    }
}

/// PostgreSQL refuses NUL in text, so no text with a NUL is ever stored or found.
fn storable(text: &str) -> bool {
    !text.contains('\0')
}
