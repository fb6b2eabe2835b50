//! Deletes rows of the change log that everybody has read, or should have.
//!
//! A row may go once a mark that is an hour old has seen it: then so has every cursor that is younger. In PostgreSQL the
//! mark is the oldest transaction that was still under way, so that rows of long transactions are not taken for old
//! when they appear. `meta` remembers the mark, with its time by a node's clock, and up to which mark rows are gone.

use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::domain::time::Timestamp;
use crate::store::connection::Conn;
use crate::store::schema::meta;
use crate::store::{Store, StoreError};

/// How long rows are kept.
const KEPT: Duration = Duration::from_hours(1);

/// The mark and its time: `number micros`.
const MARK: &str = "changes_mark";

/// Up to where rows are gone.
const PURGED_TO: &str = "changes_purged_to";

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

impl Store {
    /// Deletes at most `limit` old rows. Returns how many. `now` must be a time that is trusted.
    pub fn purge_changes(&self, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
        let mark = self.read(|conn| value(conn, MARK))?;
        let Some((number, at)) = mark.as_deref().and_then(parse) else {
            self.write(|conn| set_mark(conn, now))?;
            return Ok(0);
        };
        // A mark from the future was set by a clock that was wrong.
        if at <= now && now.since(at) < KEPT {
            return Ok(0);
        }
        self.write(|conn| {
            set(conn, PURGED_TO, &number.to_string())?;
            let deleted = delete(conn, number, limit)?;
            if deleted < limit as usize {
                set_mark(conn, now)?;
            }
            Ok(deleted)
        })
    }
}

fn parse(mark: &str) -> Option<(i64, Timestamp)> {
    let (number, at) = mark.split_once(' ')?;
    Some((number.parse().ok()?, Timestamp::from_micros(at.parse().ok()?)))
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

/// Sets the mark: whoever reads from now on sees every row below it.
fn set_mark(conn: &mut Conn, now: Timestamp) -> Result<(), StoreError> {
    let statement = match conn {
        Conn::Pg(_) => "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as number",
        // The newest row stays, so that there is always one for a cursor.
        Conn::Sqlite(_) => "select coalesce(max(id), 0) as number from changes",
    };
    let number = diesel::sql_query(statement).get_result::<Number>(conn)?.number;
    set(conn, MARK, &format!("{number} {}", now.as_micros()))
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
