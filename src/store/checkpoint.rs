//! Checkpoints of SQLite's log: at rest, and after a clean stop, everything is in one file.

use std::time::Duration;

use super::connection::Role;
use super::opened_file::Written;
use super::sqlite_log::FileState;
use super::{Store, StoreError, sqlite_log};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::time::Stopwatch;

impl Store {
    /// The state of SQLite's log; `None` if it is empty, and for PostgreSQL.
    #[must_use]
    pub fn log_state(&self) -> FileState {
        match self.url() {
            DatabaseUrl::Sqlite(path) => sqlite_log::state_of_log(path),
            DatabaseUrl::Postgres(_) => None,
        }
    }

    /// Moves SQLite's log into the file and empties it, unless somebody is using it. Returns whether it was emptied.
    pub fn checkpoint(&self) -> Result<bool, StoreError> {
        self.on_writer(|conn| sqlite_log::empty(conn, self.options.timeout))
    }

    /// After each transaction: the first one after a rest goes into the file at once, and its log away, so that no copy of
    /// the file at rest is taken for the file on which the next log is begun.
    pub(super) fn checkpoint_first_write(&self, written: Written) {
        if !self.file.ends_rest(written) {
            return;
        }
        match self.checkpoint() {
            Ok(true) => self.file.rest_ended(written.transaction),
            // Somebody reads; after the next transaction, then.
            Ok(false) => {}
            Err(error) => log::debug!("the log stays beside the database for now: {error}"),
        }
    }

    /// Closes all connections to an SQLite file; the last one to close takes the log away. Nothing can be asked or written
    /// afterwards.
    pub fn close(&self) {
        if self.url.is_postgres() {
            return;
        }
        // Where another process has it open too, the log's file stays, and is empty.
        if self.log_state().is_some()
            && self.file.writers() > 0
            && let Err(error) = self.checkpoint()
        {
            log::debug!("SQLite's log was not checkpointed: {error}");
        }
        self.file.close();
        let waiting = Stopwatch::start();
        // Read connections cannot checkpoint.
        let pools = self.pools.now();
        for pool in [pools.of(Role::Read), pools.of(Role::Write)] {
            // A connection that is asked for now is closed instead, and so is one that comes back.
            while pool.try_get().is_none() && pool.state().connections > 0 && waiting.elapsed() < self.options.timeout {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}
