//! The write-ahead log of an SQLite database (`-wal`): whether it belongs to the file beside it, and how it is emptied.
//!
//! SQLite replays every valid log that it finds, also over a backup that was copied in the place of the database, and
//! mixes both. So each transaction of jeton increments a counter in the file's header (`pragma user_version`). The header
//! is in the first page, so each transaction writes this page to the log. A log belongs to the file on which it was begun,
//! whose counter is one less than the first one in the log. A checkpoint writes the first page before all others, so after
//! it the file's counter is one of those in the log. A file with any other counter is another one. A copy that SQLite
//! itself makes has another `schema_version`.
//!
//! A copy of an idle file, with an empty log, is a valid backup, and must not look like the file on which the next log
//! is begun. So the first transaction after an idle time is moved into the file at once, and the log is emptied again.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Integer};
use diesel::{RunQueryDsl, sql_query};

use super::connection::Conn;
use super::error::StoreError;
use super::sqlite_file;
use super::sqlite_mark::{mark_in, mark_of, marks_in};
use crate::domain::time::Stopwatch;

/// The log of the database at `path`.
pub fn log_of(path: &Path) -> PathBuf {
    sqlite_file::beside(path, "-wal")
}

/// Checks that the log beside the file, if there is one, belongs to it. Must be called before SQLite opens the file.
pub fn require_own(path: &Path, timeout: Duration) -> Result<(), StoreError> {
    let started = Stopwatch::start();
    let mut state_at_fault = None;
    loop {
        let before = state_of_both(path);
        let Some(fault) = fault(path)? else { return Ok(()) };
        // Another process may have made a checkpoint between the reads of the file and of the log.
        if state_at_fault == Some(before) || started.elapsed() >= timeout {
            return Err(StoreError::Unusable(fault));
        }
        state_at_fault = Some(before);
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Size and time of the last change of a file; `None` if there is no file.
pub type FileState = Option<(u64, i64, i64)>;

/// The states of the file and of its log.
pub fn state_of_both(path: &Path) -> [FileState; 2] {
    [path.to_owned(), log_of(path)].map(|file| state(&file))
}

fn state(file: &Path) -> FileState {
    std::fs::metadata(file).ok().map(|file| (file.len(), file.mtime(), file.mtime_nsec()))
}

/// The state of a log; `None` if it is missing or empty.
pub fn state_of_log(path: &Path) -> FileState {
    state(&log_of(path)).filter(|(size, ..)| *size > 0)
}

fn fault(path: &Path) -> Result<Option<String>, StoreError> {
    let log = log_of(path);
    let unreadable = |error: io::Error| StoreError::Unusable(format!("cannot read {}: {error}", log.display()));
    if state_of_log(path).is_none() {
        return Ok(None);
    }
    // The file is read before the log. If the log is restarted in between, it does not match, and both are read again.
    let mark = mark_in(path)?;
    let Some(marks) = marks_in(&log).map_err(unreadable)? else { return Ok(None) };
    let (database, log) = (path.display(), log.display());
    Ok(match mark {
        None => Some(format!(
            "{database} is missing or empty, but its log is there ({log}): put the database back beside it, or a backup \
             by `jeton restore FILE`; to start with an empty database, remove the log"
        )),
        Some(mark) if !mark.may_precede(&marks) => Some(format!(
            "the log {log} does not belong to {database}: the database was replaced while its log stayed, and SQLite \
             would mix the two; to use the database as it is, remove {log} and {database}-shm, \
             or let `jeton restore FILE` put a backup in its place"
        )),
        Some(_) => None,
    })
}

/// The result of moving the log into the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum LogEmptied {
    /// Everything is in the file, and the log is empty.
    Done,
    /// Another connection uses the log.
    InUse,
}

#[derive(diesel::QueryableByName)]
struct Changes {
    #[diesel(sql_type = BigInt)]
    changes: i64,
}

#[derive(diesel::QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = Integer)]
    busy: i32,
}

/// Runs `work` within a transaction. If `work` has changed a row, increments the counter of transactions, and returns
/// the number of this one.
pub fn counted(
    conn: &mut Conn,
    work: impl FnOnce(&mut Conn) -> Result<(), StoreError>,
) -> Result<Option<i32>, StoreError> {
    let before = changes(conn)?;
    work(conn)?;
    if changes(conn)? == before {
        return Ok(None);
    }
    let next = mark_of(conn)?.transaction.wrapping_add(1);
    conn.batch_execute(&format!("pragma user_version = {next}"))?;
    Ok(Some(next))
}

fn changes(conn: &mut Conn) -> Result<i64, StoreError> {
    Ok(sql_query("select total_changes() as changes").get_result::<Changes>(conn)?.changes)
}

/// Moves the log into the file, and empties it, if no other connection uses it. Does not wait.
pub fn empty(conn: &mut Conn, timeout: Duration) -> Result<LogEmptied, StoreError> {
    conn.batch_execute("pragma busy_timeout = 0")?;
    let done = sql_query("pragma wal_checkpoint(truncate)").get_result::<Checkpoint>(conn);
    conn.batch_execute(&format!("pragma busy_timeout = {}", timeout.as_millis()))?;
    Ok(if done?.busy == 0 { LogEmptied::Done } else { LogEmptied::InUse })
}
