//! The counters in the header of an SQLite file and of its log, by which `sqlite_log.rs` knows whether the two belong
//! together.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use diesel::sql_types::Integer;
use diesel::{RunQueryDsl, sql_query};
use rustix::fs::Access;

use super::connection::Conn;
use super::error::StoreError;
use super::sqlite_file::{metadata, query_file, require};

/// The counters in the header of a file, or of its first page in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// `pragma user_version`: counts transactions.
    pub transaction: i32,
    /// `pragma schema_version`: SQLite counts changes of the schema.
    pub schema: i32,
}

/// The most schema changes that one transaction of another program makes. Such a program does not count its
/// transactions.
const FOREIGN_CHANGES: i32 = 8;

/// The same for a migration.
const MIGRATION_CHANGES: i32 = 32;

impl Mark {
    /// Whether a file with this mark can be the one on which a log with these marks was begun. Other programs, and an
    /// older jeton, write without marks, so this cannot always be known.
    pub fn may_precede(self, log: &[Self]) -> bool {
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

/// How often the header is read at most, and the pause between two tries.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(20);

/// The counters in the file's own header, regardless of its log; `None` if the file is missing or empty.
///
/// The file is read without locks, so a page that another process writes at this moment, as at a checkpoint, looks
/// malformed. It is read again then.
pub fn mark_in(path: &Path) -> Result<Option<Mark>, StoreError> {
    if metadata(path)?.is_none_or(|file| file.len() == 0) {
        return Ok(None);
    }
    require(path, Access::READ_OK)?;
    let mut tries = 1;
    loop {
        match query_file(path, false, Duration::ZERO, mark_of) {
            Err(StoreError::Unavailable(words)) if words.contains(MALFORMED) && tries < TRIES => {
                tries += 1;
                std::thread::sleep(PAUSE);
            }
            read => return read.map(Some),
        }
    }
}

/// What SQLite calls a page that it cannot understand (`SQLITE_CORRUPT`).
const MALFORMED: &str = "disk image is malformed";

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

/// The mark of the file that a connection sees.
pub fn mark_of(conn: &mut Conn) -> Result<Mark, StoreError> {
    let transaction = sql_query("pragma user_version").get_result::<UserVersion>(conn)?.user_version;
    let schema = sql_query("pragma schema_version").get_result::<SchemaVersion>(conn)?.schema_version;
    Ok(Mark { transaction, schema })
}

/// The marks in a log, in the order of their writing; `None` if there is nothing that SQLite would replay
/// (<https://www.sqlite.org/fileformat2.html#the_write_ahead_log>).
pub fn marks_in(log: &Path) -> io::Result<Option<Vec<Mark>>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const fn mark(transaction: i32, schema: i32) -> Mark {
        Mark { transaction, schema }
    }

    #[test]
    fn a_log_belongs_to_the_file_on_which_it_was_begun() {
        let log = [mark(8, 60), mark(9, 60), mark(10, 61)];
        assert!(mark(7, 60).may_precede(&log), "nothing was moved into the file");
        assert!(mark(7, 59).may_precede(&log), "a migration is the first transaction");
        assert!(mark(9, 60).may_precede(&log), "some of it was");
        assert!(mark(10, 61).may_precede(&log), "all of it was");
        assert!(mark(8, 58).may_precede(&log), "begun by sqlite3, which changed the schema and counts nothing");
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
            assert!(!file.may_precede(&log), "{what}");
        }
        let uncounted = [mark(0, 32), mark(0, 33)];
        assert!(mark(0, 0).may_precede(&uncounted), "all that an older jeton has written is in the log");
        assert!(mark(0, 32).may_precede(&uncounted), "some of it was moved into the file");
        assert!(!mark(0, 40).may_precede(&uncounted), "a newer file than the log");
        assert!(!mark(5, 60).may_precede(&uncounted), "one that this version of jeton has written");
        assert!(mark(3, 60).may_precede(&[]), "a log without marks is an older jeton's, or nobody's");
        assert!(mark(i32::MAX, 60).may_precede(&[mark(i32::MIN, 60)]), "numbers begin again");
    }
}
