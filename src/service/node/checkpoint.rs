//! The database between requests: checkpoints of SQLite's log, closing, and whether its disk accepts writes.

use crate::service::{Error, Node};
use crate::store::{FileState, LogEmptied, Store};

impl Node {
    /// The state of SQLite's log; `None` if it is empty, and for PostgreSQL.
    #[must_use]
    pub fn sqlite_log_state(&self) -> FileState {
        self.database.store.sqlite_log_state()
    }

    /// Moves SQLite's log into the file, unless another connection is using it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn checkpoint(&self) -> Result<LogEmptied, Error> {
        self.database.run(Store::checkpoint).await
    }

    /// Whether the last write failed because the database's disk is full or broken.
    #[must_use]
    pub fn disk_refuses(&self) -> bool {
        self.database.store.disk_refuses()
    }

    /// Writes a value without changing it, to find out whether the disk accepts writes again.
    ///
    /// # Errors
    /// [`Error::Store`], while it does not.
    pub async fn try_disk(&self) -> Result<(), Error> {
        self.database.run(Store::try_disk).await
    }

    /// Closes an SQLite database, so that everything is in one file. No query is possible afterwards.
    pub fn close(&self) {
        self.database.store.close();
    }
}
