//! Checkpoints of SQLite's log: while nothing is written, and after a clean stop, everything is in one file.

use std::time::Duration;

use super::connection::Role;
use super::opened_file::Written;
use super::sqlite_log::{FileState, LogEmptied};
use super::{Store, StoreError, sqlite_log};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::time::Stopwatch;

impl Store {
    /// The state of SQLite's log; `None` if it is empty, and for PostgreSQL.
    #[must_use]
    pub fn sqlite_log_state(&self) -> FileState {
        match self.url() {
            DatabaseUrl::Sqlite(path) => sqlite_log::state_of_log(path),
            DatabaseUrl::Postgres(_) => None,
        }
    }

    /// Moves SQLite's log into the file and empties it, unless another connection is using it.
    pub fn checkpoint(&self) -> Result<LogEmptied, StoreError> {
        self.on_writer(|conn| sqlite_log::empty(conn, self.options.timeout))
    }

    /// Called after each transaction. The first one after an idle time is moved into the file at once, and the log is
    /// emptied. Otherwise a copy of the idle file would look like the file on which the next log was begun.
    pub(super) fn checkpoint_first_write(&self, written: Written) {
        if !self.file.needs_checkpoint(written) {
            return;
        }
        match self.checkpoint() {
            Ok(LogEmptied::Done) => self.file.checkpointed(written.transaction),
            // Another connection reads. The checkpoint is tried again after the next transaction.
            Ok(LogEmptied::InUse) => {}
            Err(error) => log::debug!("the log stays beside the database for now: {error}"),
        }
    }

    /// Closes all connections to an SQLite file. The last one removes the log. No query is possible afterwards.
    pub fn close(&self) {
        match &self.url {
            DatabaseUrl::Sqlite(_) => {}
            DatabaseUrl::Postgres(_) => return,
        }
        // If another process has the database open, too, the file of the log stays, and is empty.
        if self.sqlite_log_state().is_some()
            && self.file.writers() > 0
            && let Err(error) = self.checkpoint()
        {
            log::debug!("SQLite's log was not checkpointed: {error}");
        }
        self.file.close();
        let waiting = Stopwatch::start();
        // The last connection removes the log, so a writing one must be the last: read connections cannot do it.
        let pools = self.pools.current();
        for pool in [pools.of(Role::Read), pools.of(Role::Write)] {
            // A connection that is requested or returned now is closed.
            while pool.try_get().is_none() && pool.state().connections > 0 && waiting.elapsed() < self.options.timeout {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}
