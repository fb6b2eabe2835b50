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

/// What one batch has deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgedChanges {
    /// How many rows.
    pub rows: usize,
    /// Where the next batch begins to search. `None`: at the oldest row.
    pub last: Option<LastPurged>,
}

/// The last row that a batch has deleted, in PostgreSQL. Deleted rows stay in the index while an older transaction is
/// open, so the next batch begins after them.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct LastPurged {
    #[diesel(sql_type = Text)]
    xid: String,
    #[diesel(sql_type = Text)]
    what: String,
    #[diesel(sql_type = Text)]
    subject: String,
}

#[derive(QueryableByName)]
struct Batch {
    #[diesel(sql_type = BigInt)]
    rows: i64,
    #[diesel(embed)]
    last: LastPurged,
}

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
    /// Deletes at most `limit` old rows, after those of the batch before. `now` must be by a clock that is trusted.
    pub fn purge_changes(
        &self,
        now: Timestamp,
        after: Option<&LastPurged>,
        limit: u32,
    ) -> Result<PurgedChanges, StoreError> {
        const NONE: PurgedChanges = PurgedChanges { rows: 0, last: None };
        // Most calls end here, and write nothing.
        let is_due = |mark: &Mark| mark.at > now || now.since(mark.at) >= RETENTION;
        let mark = self.read(|conn| value(conn, MARK))?.as_deref().and_then(Mark::parse);
        if mark.is_some_and(|mark| !is_due(&mark)) {
            return Ok(NONE);
        }
        self.write(|conn| {
            let current = Mark::now(conn, now)?;
            // Read again: another node may have purged since. A mark of another place came with a restore.
            let mark = value(conn, MARK)?.as_deref().and_then(Mark::parse).filter(|mark| mark.place == current.place);
            let Some(mark) = mark else { return set_mark(conn, &current).map(|()| NONE) };
            // A mark from the future was set by a clock that was wrong.
            if !is_due(&mark) {
                return Ok(NONE);
            }
            set(conn, PURGED_TO, &format!("{} {}", mark.place, mark.number))?;
            let purged = delete(conn, mark.number, after, limit)?;
            if purged.rows < limit as usize {
                set_mark(conn, &current)?;
            }
            Ok(purged)
        })
    }
}

fn value(conn: &mut Conn, key: &str) -> Result<Option<String>, StoreError> {
    Ok(meta::table.find(key).select(meta::value).first(conn).optional()?)
}

fn set(conn: &mut Conn, key: &str, value: &str) -> Result<(), StoreError> {
    let statement = "insert into meta (key, value) values ($1, $2) on conflict (key) do update set value = excluded.value \
         where meta.value <> excluded.value";
    diesel::sql_query(statement).bind::<Text, _>(key).bind::<Text, _>(value).execute(conn)?;
    Ok(())
}

fn set_mark(conn: &mut Conn, mark: &Mark) -> Result<(), StoreError> {
    set(conn, MARK, &format!("{} {} {}", mark.place, mark.number, mark.at.as_micros()))
}

fn delete(conn: &mut Conn, number: i64, after: Option<&LastPurged>, limit: u32) -> Result<PurgedChanges, StoreError> {
    let limit = i64::from(limit);
    match conn {
        Conn::Pg(pg) => {
            let (xid, what, subject) =
                after.map_or(("0", "", ""), |row| (row.xid.as_str(), row.what.as_str(), row.subject.as_str()));
            // Nodes that purge at once skip each other's rows.
            let batch: Option<Batch> = diesel::sql_query(
                "with purged as (delete from changes where ctid = any (array (select ctid from changes \
                 where xid < $1::text::xid8 and (xid, what, subject) > ($2::text::xid8, $3, $4) \
                 order by xid, what, subject limit $5 for update skip locked)) returning xid, what, subject) \
                 select count(*) over () as rows, xid::text as xid, what, subject from purged \
                 order by purged.xid desc, what desc, subject desc limit 1",
            )
            .bind::<Text, _>(number.to_string())
            .bind::<Text, _>(xid)
            .bind::<Text, _>(what)
            .bind::<Text, _>(subject)
            .bind::<BigInt, _>(limit)
            .get_result(pg)
            .optional()?;
            let rows = batch.as_ref().map_or(0, |batch| usize::try_from(batch.rows).unwrap_or(usize::MAX));
            Ok(PurgedChanges { rows, last: batch.map(|batch| batch.last).or_else(|| after.cloned()) })
        }
        Conn::Sqlite(sqlite) => {
            let rows = diesel::sql_query(
                "delete from changes where id in (select id from changes where id < $1 order by id limit $2)",
            )
            .bind::<BigInt, _>(number)
            .bind::<BigInt, _>(limit)
            .execute(sqlite)?;
            Ok(PurgedChanges { rows, last: None })
        }
    }
}
