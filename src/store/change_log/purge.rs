//! Deletes old rows of the change log.
//!
//! A *mark* is a position in the log: every cursor that is taken after the mark was set has seen all rows below it.
//! Once a mark is an hour old, the rows below it are deleted, so a cursor can be used for an hour at least. In
//! PostgreSQL the mark is the oldest transaction that was still running, because the rows of a long transaction become
//! visible late. `meta` has the mark, with its time by a node's clock, and the mark below which rows have been deleted.

use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::postgres::PLACE;
use crate::domain::time::Timestamp;
use crate::store::connection::Conn;
use crate::store::schema::meta;
use crate::store::{Store, StoreError};

/// How long rows are kept at least.
const RETENTION: Duration = Duration::from_hours(1);

/// The key in `meta` of the mark and its time: `place number micros`.
const MARK: &str = "changes_mark";

/// The key in `meta` of the mark below which rows have been deleted.
const PURGED_TO: &str = "changes_purged_to";

#[derive(QueryableByName)]
struct Position {
    #[diesel(sql_type = Text)]
    place: String,
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// A mark.
struct Mark {
    /// Where transaction ids mean the same (see `Snapshot`); in SQLite always `-`.
    place: String,
    number: i64,
    at: Timestamp,
}

impl Mark {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let (place, number, micros) = (parts.next()?.to_owned(), parts.next()?, parts.next()?);
        Some(Self { place, number: number.parse().ok()?, at: Timestamp::from_micros(micros.parse().ok()?) })
    }

    /// The mark of this moment: every cursor that is taken from now on has seen all rows below it.
    fn now(conn: &mut Conn, now: Timestamp) -> Result<Self, StoreError> {
        let statement = match conn {
            Conn::Pg(_) => {
                format!("select {PLACE} as place, pg_snapshot_xmin(pg_current_snapshot())::text::bigint as number")
            }
            // The newest row stays, so that there is always one for a cursor.
            Conn::Sqlite(_) => "select '-' as place, coalesce(max(id), 0) as number from changes".to_owned(),
        };
        let Position { place, number } = diesel::sql_query(statement).get_result(conn)?;
        Ok(Self { place, number, at: now })
    }
}

impl Store {
    /// Deletes at most `limit` old rows. Returns how many. `now` must be by a clock that is trusted.
    pub fn purge_changes(&self, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
        // Most calls end here, and write nothing.
        let is_due = |mark: &Mark| mark.at > now || now.since(mark.at) >= RETENTION;
        let mark = self.read(|conn| value(conn, MARK))?.as_deref().and_then(Mark::parse);
        if mark.is_some_and(|mark| !is_due(&mark)) {
            return Ok(0);
        }
        self.write(|conn| {
            let current = Mark::now(conn, now)?;
            // Read again: another node may have purged since. A mark of another place came with a restore.
            let mark = value(conn, MARK)?.as_deref().and_then(Mark::parse).filter(|mark| mark.place == current.place);
            let Some(mark) = mark else { return set_mark(conn, &current).map(|()| 0) };
            // A mark from the future was set by a clock that was wrong.
            if !is_due(&mark) {
                return Ok(0);
            }
            set(conn, PURGED_TO, &format!("{} {}", mark.place, mark.number))?;
            let deleted = delete(conn, mark.number, limit)?;
            if deleted < limit as usize {
                set_mark(conn, &current)?;
            }
            Ok(deleted)
        })
    }
}

fn value(conn: &mut Conn, key: &str) -> Result<Option<String>, StoreError> {
    Ok(meta::table.find(key).select(meta::value).first(conn).optional()?)
}

fn set(conn: &mut Conn, key: &str, value: &str) -> Result<(), StoreError> {
    let statement =
        "insert into meta (key, value) values ($1, $2) on conflict (key) do update set value = excluded.value";
    diesel::sql_query(statement).bind::<Text, _>(key).bind::<Text, _>(value).execute(conn)?;
    Ok(())
}

fn set_mark(conn: &mut Conn, mark: &Mark) -> Result<(), StoreError> {
    set(conn, MARK, &format!("{} {} {}", mark.place, mark.number, mark.at.as_micros()))
}

fn delete(conn: &mut Conn, number: i64, limit: u32) -> Result<usize, StoreError> {
    let limit = i64::from(limit);
    let deleted = match conn {
        // Nodes that purge at once skip each other's rows.
        Conn::Pg(pg) => diesel::sql_query(
            "delete from changes where ctid = any (array (select ctid from changes where xid < $1::text::xid8 \
             order by xid limit $2 for update skip locked))",
        )
        .bind::<Text, _>(number.to_string())
        .bind::<BigInt, _>(limit)
        .execute(pg)?,
        Conn::Sqlite(sqlite) => diesel::sql_query(
            "delete from changes where id in (select id from changes where id < $1 order by id limit $2)",
        )
        .bind::<BigInt, _>(number)
        .bind::<BigInt, _>(limit)
        .execute(sqlite)?,
    };
    Ok(deleted)
}
