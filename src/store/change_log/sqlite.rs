//! Reads the change log in SQLite.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};

use super::cursor::RowCursor;
use super::{Cursor, MAX_ROWS, Reading, Row, Since, changes_of};
use crate::store::StoreError;

/// The key in `meta` of this file's place, which is a part of each cursor.
const PLACE: &str = "changes_place";

/// A row of the log, with its id and nonce, and the place, which is the same in each.
#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    place: String,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    nonce: String,
    #[diesel(embed)]
    row: Row,
}

impl Line {
    fn cursor(&self) -> RowCursor {
        RowCursor { place: self.place.clone(), id: self.id, nonce: self.nonce.clone() }
    }
}

fn select() -> String {
    format!(
        "select coalesce((select value from meta where key = '{PLACE}'), '') as place, \
            id, nonce, what, subject, digest_prefix from changes"
    )
}

/// Gives the file another place, so that no earlier cursor can be used.
pub fn begin_place(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    Ok(conn.batch_execute(&format!(
        "insert into meta (key, value) values ('{PLACE}', lower(hex(randomblob(8)))) \
            on conflict (key) do update set value = excluded.value"
    ))?)
}

pub fn read(conn: &mut SqliteConnection, after: Option<&Cursor>) -> Result<Reading, StoreError> {
    if let Some(after) = after.and_then(RowCursor::of) {
        let mut lines: Vec<Line> = diesel::sql_query(format!("{} where id >= $1 order by id limit $2", select()))
            .bind::<BigInt, _>(after.id)
            .bind::<Integer, _>(i32::try_from(MAX_ROWS + 2).unwrap_or(i32::MAX))
            .load(conn)?;
        // The row of the cursor must still exist. It shows that the cursor was taken from this file, and that no later
        // row was purged.
        let is_usable = lines.first().is_some_and(|line| line.cursor() == after);
        if is_usable && lines.len() <= MAX_ROWS + 1 {
            let cursor = lines.last().map_or(after, Line::cursor).cursor();
            let changes = changes_of(lines.drain(1..).map(|line| line.row));
            return Ok(Reading { cursor, since: Since::Changes(changes) });
        }
    }
    let newest: Option<Line> =
        diesel::sql_query(format!("{} order by id desc limit 1", select())).get_result(conn).optional()?;
    // The table is empty only if somebody has emptied it by hand. No cursor is usable until the next row is written.
    let none = RowCursor { place: String::new(), id: 0, nonce: String::new() };
    let newest = newest.map_or(none, |line| line.cursor());
    Ok(Reading { cursor: newest.cursor(), since: Since::Unknown })
}
