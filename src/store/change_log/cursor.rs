//! Where a reading of the change log ended.

use std::fmt;
use std::sync::Arc;

/// How long a cursor may be that somebody presents. A PostgreSQL server with thousands of open transactions makes long
/// ones.
const MAX_LEN: usize = 32 * 1024;

/// Where a reading ended. One opaque text outside this room, good for every node over the same database.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Cursor(Arc<str>);

impl Cursor {
    /// A cursor that somebody presents. Whether it means anything here shows when it is read.
    #[must_use]
    pub fn presented(text: &str) -> Self {
        Self(if text.len() > MAX_LEN { "".into() } else { text.into() })
    }

    /// The timeline that it was taken on, in PostgreSQL: the fourth part of the place.
    pub(in crate::store) fn timeline(&self) -> Option<u32> {
        let snapshot = Snapshot::of(self)?;
        u32::from_str_radix(snapshot.place.split('-').nth(3)?, 16).ok()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// PostgreSQL's: the place, and a snapshot as `pg_current_snapshot()` has it.
///
/// The place is where the numbers of transactions mean the same: the cluster (`pg_control_system()`), the database, the
/// table `changes` (a dump that is restored in place makes a new one), the timeline (a promoted standby begins one),
/// and when the statistics were reset, which happens after a crash: the numbers of transactions that had left no trace
/// are then given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The place.
    pub place: String,
    /// Transactions below it had all ended.
    pub xmin: u64,
    /// Transactions from it on had not begun.
    pub xmax: u64,
    /// Those between that were under way.
    pub running: Vec<u64>,
}

impl Snapshot {
    /// Parses PostgreSQL's text of a snapshot, `xmin:xmax:xid,xid,..`.
    pub fn parse(place: String, text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let (xmin, xmax) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let running = numbers(parts.next()?, ',')?;
        Some(Self { place, xmin, xmax, running })
    }

    /// The snapshot of a cursor; `None` if it is none of PostgreSQL's.
    pub fn of(cursor: &Cursor) -> Option<Self> {
        let mut parts = cursor.as_str().rsplitn(4, '-');
        let running = numbers(parts.next()?, '.')?;
        let (xmax, xmin) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { place: parts.next()?.to_owned(), xmin, xmax, running })
    }

    /// The cursor.
    pub fn cursor(&self) -> Cursor {
        let running: Vec<String> = self.running.iter().map(u64::to_string).collect();
        Cursor(format!("{}-{}-{}-{}", self.place, self.xmin, self.xmax, running.join(".")).into())
    }
}

fn numbers(text: &str, separator: char) -> Option<Vec<u64>> {
    text.split(separator).filter(|number| !number.is_empty()).map(|number| number.parse().ok()).collect()
}

/// SQLite's: the id of the newest row, and its nonce, which another copy of the file has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowCursor {
    /// The id.
    pub id: i64,
    /// The nonce.
    pub nonce: String,
}

impl RowCursor {
    /// The row of a cursor; `None` if it is none of SQLite's.
    pub fn of(cursor: &Cursor) -> Option<Self> {
        let (id, nonce) = cursor.as_str().split_once('-')?;
        Some(Self { id: id.parse().ok()?, nonce: nonce.to_owned() })
    }

    /// The cursor.
    pub fn cursor(&self) -> Cursor {
        Cursor(format!("{}-{}", self.id, self.nonce).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back() {
        for text in ["10:20:", "10:20:12", "10:20:12,14,19"] {
            let snapshot = Snapshot::parse("1-2-3-4".into(), text).unwrap();
            assert_eq!(Snapshot::of(&Cursor::presented(snapshot.cursor().as_str())), Some(snapshot), "{text}");
        }
        let row = RowCursor { id: 7, nonce: "ab".into() };
        assert_eq!(RowCursor::of(&row.cursor()), Some(row));
    }

    #[test]
    fn what_is_no_cursor() {
        for text in ["", "-", "a", "1-2-3", "1-2-x-", "1-2-3-4-x", "1--2-3-"] {
            assert_eq!(Snapshot::of(&Cursor::presented(text)).filter(|found| found.place == "1"), None, "{text}");
        }
        assert_eq!(RowCursor::of(&Cursor::presented("x-ab")), None);
        assert_eq!(Cursor::presented(&"1".repeat(MAX_LEN + 1)).as_str(), "");
    }
}
