//! The handle to the database.

use std::sync::Arc;
use std::time::Duration;

use super::connection::Role;
use super::deadline::Deadline;
use super::disk::Disk;
use super::error::StoreError;
use super::hints::Hints;
use super::manager::Manager;
use super::opened_file::OpenedFile;
use super::pools::{CurrentPools, PooledTurn, Pools, StoreOptions};
use super::{sqlite_file, tls};
use crate::domain::change::Change;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::user::UsernameCase;

/// A handle to the database; clones share its connections.
#[derive(Clone)]
pub struct Store {
    pub(super) pools: Arc<CurrentPools>,
    pub(super) url: DatabaseUrl,
    pub(super) options: StoreOptions,
    pub(super) file: Arc<OpenedFile>,
    pub(super) disk: Arc<Disk>,
    pub(super) deadline: Option<Deadline>,
    pub(super) takes_turns: bool,
    pub(super) observer: Option<Arc<dyn Fn(Change) + Send + Sync>>,
    pub(super) hints: Arc<Hints>,
}

impl Store {
    /// Creates a handle. No connection is opened before the first use, and no file is created before
    /// [`Store::migrate`].
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the folder of an SQLite file does not exist or the path is a folder, or when the
    /// URL requires TLS and this binary has none.
    pub fn open(url: &DatabaseUrl, options: &StoreOptions) -> Result<Self, StoreError> {
        match url {
            DatabaseUrl::Postgres(_) => tls::check(url)?,
            DatabaseUrl::Sqlite(path) => sqlite_file::check_path(path)?,
        }
        let file = Arc::<OpenedFile>::default();
        let pools = Arc::new(CurrentPools::new(Pools::new(url, options, &file)));
        let (url, options, disk) = (url.clone(), options.clone(), Arc::default());
        Ok(Self {
            pools,
            url,
            options,
            file,
            disk,
            deadline: None,
            takes_turns: true,
            observer: None,
            hints: Arc::default(),
        })
    }

    /// The same store with a deadline: work that has not begun by then does not begin, and a transaction that is not
    /// committed by then is rolled back. So an error means that nothing was changed.
    #[must_use]
    pub fn with_deadline(&self, limit: Duration) -> Self {
        Self { deadline: Some(Deadline::within(limit)), ..self.clone() }
    }

    /// The same store for writes that wait for nobody, neither for a lock nor for a standby, and need no turn
    /// (`write_turns.rs`).
    pub(super) fn without_turns(&self) -> Self {
        Self { takes_turns: false, ..self.clone() }
    }

    /// The same store, calling `observer` for each change that is made through it: after its commit, before the call
    /// returns.
    #[must_use]
    pub fn on_change(self, observer: impl Fn(Change) + Send + Sync + 'static) -> Self {
        Self { observer: Some(Arc::new(observer)), ..self }
    }

    /// How long a request waits for a connection, and a statement may run.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.options.timeout
    }

    /// Whether usernames that differ by case only are the same name.
    #[must_use]
    pub const fn username_case(&self) -> UsernameCase {
        self.options.username_case
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

    pub(super) fn manager(&self, role: Role) -> Manager {
        self.pools.current().manager(role)
    }

    pub(super) fn connect(&self, role: Role) -> Result<PooledTurn, StoreError> {
        let pools = self.pools.current();
        pools.connect(role, self.deadline, self.takes_turns).inspect_err(|_| self.pools.failed())
    }
}
