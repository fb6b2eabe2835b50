//! The change log: the table `changes`, which triggers write.
//!
//! **A reading that begins at `t` and succeeds gives every change that was committed before `t` and that its cursor had
//! not seen.** In PostgreSQL a cursor is a snapshot: a row is new if its transaction was not visible in it, so it
//! does not matter in which order transactions commit, or how long they run. In SQLite, which has one writer, a cursor
//! is the id of a row. A cursor also says where it was taken (`cursor.rs`). Elsewhere it cannot be used: its
//! holder must discard everything that it remembers.

mod cursor;
mod listening;
mod pause;
mod postgres;
mod purge;
mod reader;
mod sqlite;

use super::connection::Conn;
use super::{Store, StoreError};
use crate::domain::change::Change;
use crate::domain::database_url::DatabaseUrl;
pub use cursor::Cursor;
pub(super) use pause::{everything_changed, pause, resume};
pub use purge::{LastPurged, PurgedChanges};
pub use reader::ChangeReader;

/// The most rows that one reading gives. If there are more, the result is [`Since::Unknown`].
const MAX_ROWS: usize = 10_000;

/// The result of reading the change log.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The cursor for the next reading.
    pub cursor: Cursor,
    /// What has changed since the cursor before.
    pub since: Since,
}

/// What has changed since a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// These changes, and no others.
    Changes(Vec<Change>),
    /// Not known, because there is no cursor, or it is from another place or too old, or there are too many changes.
    /// Everything that is remembered must be discarded.
    Unknown,
}

impl Store {
    /// Reads the changes that `after` has not seen. Without `after`, only gives a cursor to begin with.
    pub fn changes(&self, after: Option<&Cursor>) -> Result<Reading, StoreError> {
        self.read(|conn| Ok(read_from(conn, after)?.0))
    }

    /// Makes everybody who has a cursor discard what they remember. Called when a node starts, because an older copy of
    /// an SQLite file may have been put back: the row of a cursor is in it, but later changes, of which the cursor's
    /// holder was told, may not be. PostgreSQL does not need this, because its cursors contain the start of the server.
    pub fn outdate_cursors(&self) -> Result<(), StoreError> {
        match self.url() {
            DatabaseUrl::Postgres(_) => Ok(()),
            DatabaseUrl::Sqlite(_) => self.write(|conn| {
                if let Conn::Sqlite(sqlite) = conn {
                    sqlite::begin_place(sqlite)?;
                }
                // A cursor is the id of a row, so there must be one.
                everything_changed(conn)
            }),
        }
    }
}

/// A reading, and the whole cursor after it, for a caller who reads again from there. The cursor in the reading, which may
/// be passed on, may be cut (`cursor.rs`).
fn read_from(conn: &mut Conn, after: Option<&Cursor>) -> Result<(Reading, Cursor), StoreError> {
    match conn {
        Conn::Pg(pg) => postgres::read(pg, after),
        Conn::Sqlite(sqlite) => {
            let reading = sqlite::read(sqlite, after)?;
            let next = reading.cursor.clone();
            Ok((reading, next))
        }
    }
}

/// A row of the log.
#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Text)]
    what: String,
    #[diesel(sql_type = diesel::sql_types::Text)]
    subject: String,
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Binary>)]
    digest_prefix: Option<Vec<u8>>,
}

/// The changes that these rows record. A newer jeton may write kinds of rows that this one does not know: such a row
/// counts as a change of everything.
fn changes_of(rows: impl IntoIterator<Item = Row>) -> Vec<Change> {
    let mut changes = Vec::new();
    for row in rows {
        let change = match row.what.as_str() {
            "user" => row.subject.parse().map_or(Change::Everything, Change::User),
            "token" => row.subject.parse().map_or(Change::Everything, Change::Token),
            "client" => Change::Client(row.subject),
            _ => Change::Everything,
        };
        changes.push(change);
        if let Some(prefix) = row.digest_prefix {
            changes
                .push(prefix.try_into().map_or(Change::Everything, |bytes| Change::Created(u64::from_be_bytes(bytes))));
        }
    }
    changes
}
