//! Reads the change log in SQLite.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};

use super::cursor::RowCursor;
use super::{Cursor, MAX_ROWS, Reading, Row, Since, changes_of};
use crate::store::StoreError;

/// A row of the log, with its id and nonce.
#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    nonce: String,
    #[diesel(embed)]
    row: Row,
}

pub fn read(conn: &mut SqliteConnection, after: Option<&Cursor>) -> Result<Reading, StoreError> {
    if let Some(after) = after.and_then(RowCursor::of) {
        let mut lines: Vec<Line> = diesel::sql_query(
            "select id, nonce, what, subject, digest_prefix from changes where id >= $1 order by id limit $2",
        )
        .bind::<BigInt, _>(after.id)
        .bind::<Integer, _>(i32::try_from(MAX_ROWS + 2).unwrap_or(i32::MAX))
        .load(conn)?;
        // The row of the cursor must still exist. It shows that the cursor was taken from this file, and that no later
        // row was purged.
        let is_usable = lines.first().is_some_and(|line| line.id == after.id && line.nonce == after.nonce);
        if is_usable && lines.len() <= MAX_ROWS + 1 {
            let cursor =
                lines.last().map_or(after, |line| RowCursor { id: line.id, nonce: line.nonce.clone() }).cursor();
            let changes = changes_of(lines.drain(1..).map(|line| line.row));
            return Ok(Reading { cursor, since: Since::Changes(changes) });
        }
    }
    let newest: Option<Line> =
        diesel::sql_query("select id, nonce, what, subject, digest_prefix from changes order by id desc limit 1")
            .get_result(conn)
            .optional()?;
    // The table is empty only if somebody has emptied it by hand. No cursor is usable until the next row is written.
    let newest =
        newest.map_or(RowCursor { id: 0, nonce: String::new() }, |line| RowCursor { id: line.id, nonce: line.nonce });
    Ok(Reading { cursor: newest.cursor(), since: Since::Unknown })
}
