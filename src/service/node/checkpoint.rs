//! The database between requests: its log at rest, its end, and whether its disk takes writes.

use crate::service::{Error, Node};
use crate::store::{FileState, Store};

impl Node {
    /// How SQLite's log stands; `None` where there is nothing in it, and in PostgreSQL.
    #[must_use]
    pub fn log_state(&self) -> FileState {
        self.database.store.log_state()
    }

    /// Moves SQLite's log into the file, unless somebody uses it just now.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn checkpoint(&self) -> Result<bool, Error> {
        self.database.run(Store::checkpoint).await
    }

    /// Whether the last write failed because the database's disk is full or broken.
    #[must_use]
    pub fn disk_refuses(&self) -> bool {
        self.database.store.disk_refuses()
    }

    /// Writes what changes nothing, to find out whether the disk takes writes again.
    ///
    /// # Errors
    /// [`Error::Store`], while it does not.
    pub async fn try_disk(&self) -> Result<(), Error> {
        self.database.run(Store::try_disk).await
    }

    /// Closes an SQLite database, so that everything is in one file. Nothing can be asked afterwards.
    pub fn close(&self) {
        self.database.store.close();
    }
}
