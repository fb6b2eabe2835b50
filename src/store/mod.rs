//! Everything that is kept. The only room that speaks Diesel and SQL.
//!
//! One `Store` over PostgreSQL and SQLite. What keeps a query portable:
//! 1. times come from our clock as parameters, never from the database;
//! 2. one atomic statement rather than read, lock, write; where a user's tokens change, `users::lock` comes first;
//! 3. a unique violation is an answer ([`StoreError::Taken`]) and ends its transaction;
//! 4. rows are inserted one by one, but for an import's;
//! 5. SQL that must differ stands in a `match` arm.

mod audit;
mod breaker;
mod clients;
mod connection;
mod django;
mod groups;
mod import;
mod last_logins;
mod listener;
mod login_networks;
mod login_tokens;
mod lookup;
mod meta;
mod migrations;
mod mode;
mod opened;
mod overview;
mod own;
mod pooler;
mod purge;
mod revocation;
mod schema;
mod servers;
mod sessions;
mod sqlite_file;
mod sqlstate;
mod tokens;
mod user_ids;
mod users;
mod uses;

use std::sync::Arc;
use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use r2d2::Pool;

use crate::domain::change::Change;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::shown::one_line;
use crate::domain::time::Stopwatch;
use breaker::Breaker;
use connection::{Conn, Manager, OpenedFile, Role};
pub use django::{DJANGO_BATCH, DjangoSource};
pub use import::{ImportTarget, ImportedEntry, ImportedToken};
pub use listener::Listener;
pub use login_tokens::{Issue, LoginToken, SealedToken};
pub use meta::MetaKey;
pub use migrations::{Foreign, SchemaState};
pub use mode::{ALL_BUT_OWNER, close_file};
pub use overview::{HourOfLogins, MOST_COUNTED, UserCounts};
pub use own::OwnChange;
pub use purge::{Purge, Purged};
pub use revocation::Regenerate;
use servers::Servers;
pub use tokens::NewToken;
pub use users::UserChange;
pub use uses::{LockedRows, TokenUse};

/// What a store can fail with.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or is too slow; asking again later may help.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// It is known to be down, and was not asked.
    #[error("the database is not available: {0}")]
    Down(String),
    /// The server takes no writes: another one is to be asked.
    #[error("the database is not available: {0}")]
    ReadOnly(String),
    /// The session does not keep what is left in it, as behind a transaction pooler.
    #[error("the database is not available: {0}")]
    Pooled(String),
    /// A name or digest that must be unique is there already.
    #[error("there is one already")]
    Taken,
    /// The change would leave no active superuser.
    #[error("this is the last active superuser")]
    LastSuperuser,
    /// The database is there but not as this jeton needs it.
    #[error("{0}")]
    Unusable(String),
    /// A statement failed for another reason: a defect of ours or a damaged database.
    #[error("the database refused a statement: {0}")]
    Failed(String),
}

impl StoreError {
    /// Whether asking again later may help.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Down(_) | Self::ReadOnly(_) | Self::Pooled(_))
    }
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        let (kind, info) = match error {
            DieselError::DatabaseError(kind, info) => (kind, info),
            DieselError::RollbackErrorOnCommit { commit_error, .. } => return (*commit_error).into(),
            DieselError::BrokenTransactionManager => return Self::Unavailable("the connection broke".into()),
            other => return Self::Failed(one_line(&other.to_string())),
        };
        let words = one_line(info.message());
        match (kind, sqlstate::of(&*info)) {
            (DatabaseErrorKind::UniqueViolation, _) => Self::Taken,
            (
                DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::SerializationFailure,
                _,
            ) => Self::Unavailable(words),
            (_, Some(code)) => sqlstate::error(code, words),
            (DatabaseErrorKind::ReadOnlyTransaction, None) => Self::ReadOnly(words),
            (_, None) if says_passing(info.message()) => Self::Unavailable(words),
            (_, None) => Self::Failed(words),
        }
    }
}

/// SQLite, and libpq itself, give no codes, only English words.
fn says_passing(message: &str) -> bool {
    [
        "timeout",
        "locked",
        "deadlock",
        "terminating connection",
        "starting up",
        "shutting down",
        "recovery",
        "server closed",
    ]
    .iter()
    .any(|word| message.contains(word))
}

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Connections at most.
    pub pool: u32,
    /// How long a request waits for a connection, and a statement may run.
    pub timeout: Duration,
}

/// A handle to the database; clones share its connections.
#[derive(Clone)]
pub struct Store {
    read: Pool<Manager>,
    write: Pool<Manager>,
    url: DatabaseUrl,
    timeout: Duration,
    file: Arc<OpenedFile>,
    servers: Arc<Servers>,
    breaker: Arc<Breaker>,
    deadline: Option<Deadline>,
    told: Option<Arc<dyn Fn(Change) + Send + Sync>>,
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
    /// Makes a handle. No connection is opened before the first use, and no file is made before [`Store::migrate`].
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the folder of an SQLite file does not exist or the path is a folder.
    pub fn open(url: &DatabaseUrl, options: &StoreOptions) -> Result<Self, StoreError> {
        if let DatabaseUrl::Sqlite(path) = url {
            sqlite_file::check_path(path)?;
        }
        let file = Arc::<OpenedFile>::default();
        let (servers, breaker) = (Arc::<Servers>::default(), Arc::<Breaker>::default());
        let pool = |size, role| {
            Pool::builder()
                .max_size(size)
                .min_idle(Some(0))
                .connection_timeout(options.timeout)
                .error_handler(Box::new(connection::LogErrors(Arc::clone(&breaker))))
                .build_unchecked(Manager::new(
                    url.clone(),
                    role,
                    options.timeout,
                    Arc::clone(&file),
                    Arc::clone(&servers),
                ))
        };
        // SQLite has one writer at a time in any case: with one connection for it nobody fails on a busy database.
        let (read, write) = if url.is_postgres() {
            let shared = pool(options.pool, Role::Write);
            (shared.clone(), shared)
        } else {
            (pool(options.pool, Role::Read), pool(1, Role::Write))
        };
        let (url, timeout) = (url.clone(), options.timeout);
        Ok(Self { read, write, url, timeout, file, servers, breaker, deadline: None, told: None })
    }

    /// The same store, for somebody who waits no longer than this from now on: what has not begun by then does not
    /// begin, and what has not been committed by then is undone. Whoever was told that it failed may believe it.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self { deadline: Some(Deadline { since: Stopwatch::start(), limit }), ..self.clone() }
    }

    /// The same store, telling `hear` of each change made through it: after its commit, before it returns.
    #[must_use]
    pub fn telling(self, hear: impl Fn(Change) + Send + Sync + 'static) -> Self {
        Self { told: Some(Arc::new(hear)), ..self }
    }

    /// Which database this is.
    #[must_use]
    pub const fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Whether the database answers.
    pub fn ping(&self) -> Result<(), StoreError> {
        use diesel::connection::SimpleConnection;
        self.read(|conn| Ok(conn.batch_execute("select 1")?))
    }

    /// # Errors
    /// [`StoreError::Down`] while the database is known to be down: whoever needs it need not try.
    pub fn check(&self) -> Result<(), StoreError> {
        self.breaker.check()
    }

    /// An answer takes long: finds out meanwhile whether the database is down.
    pub fn suspect(&self) {
        self.breaker.suspect(&self.manager(Role::Read));
    }

    fn manager(&self, role: Role) -> Manager {
        Manager::new(self.url.clone(), role, self.timeout, self.file.clone(), self.servers.clone())
    }

    fn read<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let result = self.connect(Role::Read)?.run(work);
        self.heed(result)
    }

    /// Runs `work` in a transaction that may write, and commits it when `work` succeeds.
    fn write<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let result = self.connect(Role::Write)?.in_transaction(|conn| {
            let value = work(conn)?;
            self.deadline.map(Deadline::left).transpose()?;
            Ok(value)
        });
        self.heed(result)
    }

    /// What an answer, or none, says of the database.
    fn heed<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        match &result {
            Err(error) if error.is_passing() => self.suspect(),
            _ => self.breaker.answered(),
        }
        result
    }

    /// As [`Store::write`], for what makes answers wrong that are kept in memory: `work` notes what it changes.
    fn change<T>(
        &self,
        work: impl FnOnce(&mut Conn, &mut Vec<Change>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut changes = Vec::new();
        let result = self.write(|conn| work(conn, &mut changes));
        // After a failure too: a commit whose answer got lost may have happened.
        if let Some(told) = &self.told {
            for change in changes {
                told(change);
            }
        }
        result
    }

    /// Runs `work` on the connection that writes, outside a transaction.
    fn on_writer<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let result = self.connect(Role::Write)?.run(work);
        self.heed(result)
    }

    fn connect(&self, role: Role) -> Result<r2d2::PooledConnection<Manager>, StoreError> {
        let pool = if role == Role::Read { &self.read } else { &self.write };
        let timeout = pool.connection_timeout();
        let patience = match self.deadline.map(Deadline::left).transpose()? {
            Some(left) => left.min(timeout),
            // Whoever starts has the time to wait for an address that does not answer, and for the next one.
            None => timeout + connection::LONGEST_CONNECT,
        };
        let since = Stopwatch::start();
        loop {
            self.check()?;
            let left = patience.saturating_sub(since.elapsed());
            let error = match pool.get_timeout(left.min(LOOK_UP_FROM_WAITING)) {
                Ok(conn) => return Ok(conn),
                Err(error) => error,
            };
            if self.breaker.has_failed() || since.elapsed() >= patience / 3 {
                self.suspect();
            }
            if since.elapsed() >= patience {
                return Err(StoreError::Unavailable(self.url.scrub(&one_line(&error.to_string()))));
            }
        }
    }
}

/// How often somebody who waits for a connection asks whether there is any use in it.
const LOOK_UP_FROM_WAITING: Duration = Duration::from_millis(50);

/// PostgreSQL refuses NUL in text, so nothing with one is ever stored or found.
fn storable(text: &str) -> bool {
    !text.contains('\0')
}
