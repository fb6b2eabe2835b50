//! The change log: the table `changes`, which triggers write.
//!
//! **Whoever began to read at `t` what the cursor had not seen, and has read it all, knows everything that was committed
//! before `t`.** In PostgreSQL a cursor is a snapshot: a row is new if its transaction was not visible in it, so it
//! does not matter in which order transactions commit, or how long they run. In SQLite, which has one writer, a cursor
//! is the id of a row. A cursor also says where it was taken (`cursor.rs`). Elsewhere it means nothing, so whoever
//! comes with it must forget everything.

mod cursor;
mod postgres;
mod purge;
mod quiet;
mod reader;
mod sqlite;

use super::connection::Conn;
use super::{Store, StoreError};
use crate::domain::change::Change;
pub use cursor::Cursor;
pub(super) use quiet::{everything_changed, pause, resume};
pub use reader::ChangeReader;

/// Of more rows than this, whoever reads forgets everything.
const MAX_ROWS: usize = 10_000;

/// The result of reading the change log.
#[derive(Clone, Debug)]
pub struct Reading {
    /// From where the next reading goes on.
    pub cursor: Cursor,
    /// What was read.
    pub since: Since,
}

/// What a cursor had not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// These changes, and no others.
    Changes(Vec<Change>),
    /// There is no telling: the cursor is from another place or too old, or there are too many changes.
    Unknown,
}

impl Store {
    /// Reads what `after` has not seen; without it, a cursor to begin with.
    pub fn changes(&self, after: Option<&Cursor>) -> Result<Reading, StoreError> {
        self.read(|conn| read(conn, after))
    }
}

fn read(conn: &mut Conn, after: Option<&Cursor>) -> Result<Reading, StoreError> {
    match conn {
        Conn::Pg(pg) => postgres::read(pg, after),
        Conn::Sqlite(sqlite) => sqlite::read(sqlite, after),
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

/// The changes that these rows tell. A newer jeton may write rows that this one does not know; they may concern
/// anything.
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
