//! The state of the schema in an SQLite file that is not opened for writing yet.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::Access;

use super::error::StoreError;
use super::schema_inspection::state;
use super::schema_state::SchemaState;
use super::sqlite_file::{beside, metadata, query_file, require_all};
use super::sqlite_log;
use crate::domain::time::Stopwatch;

/// The state of the schema in the file. Nothing is written or created.
pub fn schema_state_of(path: &Path, timeout: Duration) -> Result<SchemaState, StoreError> {
    sqlite_log::require_own(path, timeout)?;
    let started = Stopwatch::start();
    loop {
        let Some(before) = metadata(path)? else { return Ok(SchemaState::Missing) };
        require_all(path, Access::READ_OK)?;
        // If there is a log or a journal, somebody may be writing, and the log may have newer data. Otherwise the file
        // is opened as immutable, because SQLite would create the log.
        let in_use = ["-wal", "-journal"].iter().any(|suffix| beside(path, suffix).exists());
        let found = read_state(path, in_use, timeout);
        let unchanged = || {
            let after = std::fs::metadata(path).ok();
            let still = |after: Metadata| (after.size(), after.mtime(), after.mtime_nsec());
            after.map(still) == Some((before.size(), before.mtime(), before.mtime_nsec()))
                && !beside(path, "-wal").exists()
                && !beside(path, "-journal").exists()
        };
        match found {
            Ok(state) if in_use || unchanged() => return Ok(state),
            // Trying again would not change this.
            Err(StoreError::Unusable(why)) => return Err(StoreError::Unusable(why)),
            Err(error) if started.elapsed() >= timeout => return Err(error),
            Ok(state) if started.elapsed() >= timeout => return Ok(state),
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// The state of the schema in the file by itself, without its log.
pub fn state_without_log(path: &Path, timeout: Duration) -> Result<SchemaState, StoreError> {
    if metadata(path)?.is_none() { Ok(SchemaState::Missing) } else { read_state(path, false, timeout) }
}

fn read_state(path: &Path, in_use: bool, timeout: Duration) -> Result<SchemaState, StoreError> {
    query_file(path, in_use, timeout, state)
}
