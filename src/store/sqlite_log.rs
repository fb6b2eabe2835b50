//! The write-ahead log of an SQLite database (`-wal`): whether it belongs to the file beside it, and how it is emptied.
//!
//! SQLite replays every valid log that it finds, also over a backup that was copied in the place of the database, and
//! mixes both. So each transaction of jeton increments a counter in the file's header (`pragma user_version`). This
//! also puts the first page into the log of each transaction. A log was begun on a file whose counter is one less than
//! the log's first one. A checkpoint writes the first page first, so it leaves a counter that is in the log. Any other
//! counter belongs to another file. A copy that SQLite itself makes has another `schema_version`.
//!
//! A copy of an idle file, with an empty log, is a valid backup, and must not look like the file on which the next log
//! is begun. So the first transaction after an idle time is moved into the file at once, and the log is emptied again.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Integer};
use diesel::{RunQueryDsl, sql_query};

use super::connection::Conn;
use super::{StoreError, sqlite_file};
use crate::domain::time::Stopwatch;

/// The counters in the header of a file, or of its first page in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// `pragma user_version`: counts transactions.
    pub transaction: i32,
    /// `pragma schema_version`: SQLite counts changes of the schema.
    pub schema: i32,
}

/// How many changes of the schema one transaction of another program, which counts no transactions, makes at most.
const FOREIGN_CHANGES: i32 = 8;

/// The same for a migration.
const MIGRATION_CHANGES: i32 = 32;

impl Mark {
    /// Whether a log with these marks may have been begun on a file with this mark. Other programs, and an older jeton,
    /// write without marks, so this cannot always be known.
    fn begins(self, log: &[Self]) -> bool {
        let Some(first) = log.first() else { return true };
        // No transaction was counted on either side: an older jeton wrote both, whose migrations may all be in the log.
        if (self.transaction, first.transaction) == (0, 0) {
            return self.schema <= first.schema;
        }
        // Schema versions grow. One that is ahead of the log's, or far behind it, belongs to a copy that SQLite itself
        // made.
        let changes = first.schema.wrapping_sub(self.schema);
        let next = self.transaction.wrapping_add(1) == first.transaction && (0..=MIGRATION_CHANGES).contains(&changes);
        let by_others = self.transaction == first.transaction && (0..=FOREIGN_CHANGES).contains(&changes);
        next || by_others || log.contains(&self)
    }
}

/// The log of the database at `path`.
pub fn log_of(path: &Path) -> PathBuf {
    sqlite_file::beside(path, "-wal")
}

/// Checks that the log beside the file, if there is one, belongs to it. Must be called before SQLite opens the file.
pub fn require_own(path: &Path, timeout: Duration) -> Result<(), StoreError> {
    let started = Stopwatch::start();
    let mut doubted = None;
    loop {
        let before = state_of_both(path);
        let Some(fault) = fault(path)? else { return Ok(()) };
        // Another process may have made a checkpoint between the reads of the file and of the log.
        if doubted == Some(before) || started.elapsed() >= timeout {
            return Err(StoreError::Unusable(fault));
        }
        doubted = Some(before);
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
    let mark = sqlite_file::mark(path)?;
    let Some(marks) = marks(&log).map_err(unreadable)? else { return Ok(None) };
    let (database, log) = (path.display(), log.display());
    Ok(match mark {
        None => Some(format!(
            "{database} is missing or empty, but its log is there ({log}): put the database back beside it, or a backup \
             by `jeton restore FILE`; to start with an empty database, remove the log"
        )),
        Some(mark) if !mark.begins(&marks) => Some(format!(
            "the log {log} does not belong to {database}: the database was replaced while its log stayed, and the two \
             together are neither; to use the database as it is, remove {log} and {database}-shm, \
             or let `jeton restore FILE` put a backup in its place"
        )),
        Some(_) => None,
    })
}

/// The marks in a log, in the order of their writing; `None` if there is nothing that SQLite would replay
/// (<https://www.sqlite.org/fileformat2.html#the_write_ahead_log>).
fn marks(log: &Path) -> io::Result<Option<Vec<Mark>>> {
    const HEADER: u64 = 32;
    const FRAME_HEADER: u64 = 24;
    let file = match File::open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(header) = read::<32>(&file, 0)? else { return Ok(None) };
    let page_size = u64::from(number(&header, 8));
    if number(&header, 0) & !1 != 0x377f_0682 || !(512..=65_536).contains(&page_size) {
        return Ok(None);
    }
    let mut marks: Vec<Mark> = Vec::new();
    let mut at = HEADER;
    while let Some(frame) = read::<24>(&file, at)? {
        // Frames of an earlier run of the log have other salts.
        if frame[8..16] != header[16..24] {
            break;
        }
        if number(&frame, 0) == 1 {
            let Some(page) = read::<100>(&file, at + FRAME_HEADER)? else { break };
            let mark = Mark::in_header(&page);
            if marks.last() != Some(&mark) {
                marks.push(mark);
            }
        }
        at += FRAME_HEADER + page_size;
    }
    Ok((at > HEADER).then_some(marks))
}

impl Mark {
    fn in_header(page: &[u8; 100]) -> Self {
        Self { transaction: number(page, 60).cast_signed(), schema: number(page, 40).cast_signed() }
    }
}

/// Reads `SIZE` bytes; `None` at the end of the file.
fn read<const SIZE: usize>(file: &File, at: u64) -> io::Result<Option<[u8; SIZE]>> {
    let mut bytes = [0; SIZE];
    match file.read_exact_at(&mut bytes, at) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[derive(diesel::QueryableByName)]
struct Changes {
    #[diesel(sql_type = BigInt)]
    changes: i64,
}

#[derive(diesel::QueryableByName)]
struct UserVersion {
    #[diesel(sql_type = Integer)]
    user_version: i32,
}

#[derive(diesel::QueryableByName)]
struct SchemaVersion {
    #[diesel(sql_type = Integer)]
    schema_version: i32,
}

#[derive(diesel::QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = Integer)]
    busy: i32,
}

/// The mark of the file that a connection sees.
pub fn mark_of(conn: &mut Conn) -> Result<Mark, StoreError> {
    let transaction = sql_query("pragma user_version").get_result::<UserVersion>(conn)?.user_version;
    let schema = sql_query("pragma schema_version").get_result::<SchemaVersion>(conn)?.schema_version;
    Ok(Mark { transaction, schema })
}

/// Runs `work` within a transaction. If `work` has changed a row, increments the counter, and returns its new value.
pub fn counted<T>(
    conn: &mut Conn,
    work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
) -> Result<(T, Option<i32>), StoreError> {
    let before = changes(conn)?;
    let value = work(conn)?;
    if changes(conn)? == before {
        return Ok((value, None));
    }
    let next = mark_of(conn)?.transaction.wrapping_add(1);
    conn.batch_execute(&format!("pragma user_version = {next}"))?;
    Ok((value, Some(next)))
}

fn changes(conn: &mut Conn) -> Result<i64, StoreError> {
    Ok(sql_query("select total_changes() as changes").get_result::<Changes>(conn)?.changes)
}

/// Moves the log into the file, and empties it, if no other connection uses it. Returns whether it was emptied. Does
/// not wait.
pub fn empty(conn: &mut Conn, timeout: Duration) -> Result<bool, StoreError> {
    conn.batch_execute("pragma busy_timeout = 0")?;
    let done = sql_query("pragma wal_checkpoint(truncate)").get_result::<Checkpoint>(conn);
    conn.batch_execute(&format!("pragma busy_timeout = {}", timeout.as_millis()))?;
    Ok(done?.busy == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn mark(transaction: i32, schema: i32) -> Mark {
        Mark { transaction, schema }
    }

    #[test]
    fn a_log_belongs_to_the_file_on_which_it_was_begun() {
        let log = [mark(8, 60), mark(9, 60), mark(10, 61)];
        assert!(mark(7, 60).begins(&log), "nothing was moved into the file");
        assert!(mark(7, 59).begins(&log), "a migration is the first transaction");
        assert!(mark(9, 60).begins(&log), "some of it was");
        assert!(mark(10, 61).begins(&log), "all of it was");
        assert!(mark(8, 58).begins(&log), "begun by sqlite3, which changed the schema and counts nothing");
        for (file, what) in [
            (mark(3, 60), "yesterday's"),
            (mark(0, 60), "of an older jeton"),
            (mark(12, 61), "another one's"),
            (mark(9, 61), "copied by vacuum meanwhile"),
            (mark(8, 61), "the same, after the first transaction"),
            (mark(7, 61), "the same, before the first transaction"),
            (mark(10, 1), "copied by sqlite3's .backup"),
            (mark(8, 1), "the same, after the first transaction"),
            (mark(7, 1), "the same, before the first transaction"),
        ] {
            assert!(!file.begins(&log), "{what}");
        }
        let uncounted = [mark(0, 32), mark(0, 33)];
        assert!(mark(0, 0).begins(&uncounted), "all that an older jeton has written is in the log");
        assert!(mark(0, 32).begins(&uncounted), "some of it was moved into the file");
        assert!(!mark(0, 40).begins(&uncounted), "a newer file than the log");
        assert!(!mark(5, 60).begins(&uncounted), "one that today's jeton has written");
        assert!(mark(3, 60).begins(&[]), "a log without marks is an older jeton's, or nobody's");
        assert!(mark(i32::MAX, 60).begins(&[mark(i32::MIN, 60)]), "numbers begin again");
    }
}
