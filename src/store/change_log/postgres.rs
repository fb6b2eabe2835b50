//! Reads the change log in PostgreSQL: one statement, and so one snapshot, for the rows and the next cursor.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use super::{Cursor, MAX_ROWS, Reading, Row, Since, changes_of, cursor::Snapshot};
use crate::store::StoreError;

/// `pg_current_wal_lsn()` fails on a standby, so that a standby is never read. `pg_visible_in_snapshot` leaves out rows
/// with transaction ids that this server has not assigned yet: a restore copies them from another server.
fn read_statement() -> String {
    format!(
        "select {PLACE} as place, \
        pg_current_snapshot()::text as snapshot, \
        (select value from meta where key = 'changes_purged_to') as purged_to, \
        log.what, log.subject, log.digest_prefix \
    from (select 1) as one left join lateral (select what, subject, digest_prefix from changes \
        where (xid >= $1::text::xid8 or xid = any ($2::text::xid8[])) \
            and pg_visible_in_snapshot(xid, pg_current_snapshot()) limit $3) as log on true"
    )
}

/// The place, as `Snapshot` describes it.
pub const PLACE: &str = "concat_ws('-', (select system_identifier from pg_control_system()), \
    (select oid from pg_database where datname = current_database()), pg_relation_filenode('changes'), \
    left(pg_walfile_name(pg_current_wal_lsn()), 8), \
    (select (extract(epoch from stats_reset) * 1000000)::bigint from pg_stat_bgwriter), \
    (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint)";

/// A row of the result: a row of the log, or none, and the place and the snapshot, which are the same in each.
#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    place: String,
    #[diesel(sql_type = Text)]
    snapshot: String,
    #[diesel(sql_type = Nullable<Text>)]
    purged_to: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    what: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    subject: Option<String>,
    #[diesel(sql_type = Nullable<Binary>)]
    digest_prefix: Option<Vec<u8>>,
}

pub fn read(conn: &mut PgConnection, after: Option<&Cursor>) -> Result<(Reading, Cursor), StoreError> {
    let after = after.and_then(Snapshot::of);
    let (from, running) = match &after {
        Some(after) => (after.xmax, format!("{{{}}}", comma_separated(&after.running))),
        // No transaction has this id, so no row of the log is read.
        None => (u64::MAX, "{}".to_owned()),
    };
    let limit = i64::try_from(MAX_ROWS + 1).unwrap_or(i64::MAX);
    let lines: Vec<Line> = diesel::sql_query(read_statement())
        .bind::<Text, _>(from.to_string())
        .bind::<Text, _>(running)
        .bind::<BigInt, _>(limit)
        .load(conn)?;
    let Some(first) = lines.first() else { return Err(unreadable()) };
    let now = Snapshot::parse(first.place.clone(), &first.snapshot).ok_or_else(unreadable)?;
    // A value that was written in another place, before a restore, says nothing about the rows here.
    let purged_to =
        first.purged_to.as_deref().and_then(|text| text.strip_prefix(now.place.as_str())?.trim().parse().ok());
    let purged_to = purged_to.unwrap_or(0);
    // Whether the cursor was taken in this place, no row after it was purged, and it is not ahead of this snapshot.
    let is_usable = |after: &Snapshot| after.place == now.place && after.xmin >= purged_to && after.xmax <= now.xmax;
    let since = if after.as_ref().is_some_and(is_usable) && lines.len() <= MAX_ROWS {
        Since::Changes(changes_of(lines.into_iter().filter_map(|line| {
            Some(Row { what: line.what?, subject: line.subject?, digest_prefix: line.digest_prefix })
        })))
    } else {
        Since::Unknown
    };
    Ok((Reading { cursor: now.cursor(), since }, now.whole_cursor()))
}

fn comma_separated(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
}

fn unreadable() -> StoreError {
    StoreError::Failed("the result of reading the change log cannot be parsed".into())
}
