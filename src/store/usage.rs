//! Writes the usage of tokens, in batches: when and by whom they were last used, and their extended expiry.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamp as SqlTimestamp};

use super::connection::Conn;
use super::schema::tokens;
use super::{Store, StoreError, change_log};
use crate::domain::time::Timestamp;
use crate::domain::token::UsedBy;

/// The usage of one token since it was last written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUse {
    /// The token's id.
    pub id: i64,
    /// When it was last used.
    pub last_used_at: Timestamp,
    /// By whom it was used then.
    pub last_used_by: UsedBy,
    /// The expiry after an extension by its use.
    pub expires_at: Option<Timestamp>,
}

/// What to do with locked rows. SQLite has no locks on rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockedRows {
    /// Wait for them.
    Wait,
    /// Skip them until the next batch: one locked row must not block all the others.
    Skip,
}

#[derive(QueryableByName)]
struct SkippedRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

impl Store {
    /// Writes usage. A last use is not written if any node wrote one less than `interval` before it, by whomever it was. An
    /// extended expiry is always written, unless a later one is stored. A stored last use that lies too far ahead was written by a
    /// wrong clock, and is replaced. Returns the ids that were skipped because their rows were locked. All are written
    /// in one transaction, so pass some hundreds at a time.
    pub fn record_usage(
        &self,
        usage: &[TokenUse],
        interval: Duration,
        locked: LockedRows,
    ) -> Result<Vec<i64>, StoreError> {
        let mut usage = usage.to_vec();
        // The same order on every node, to avoid a deadlock.
        usage.sort_unstable_by_key(|token_use| token_use.id);
        let extends = usage.iter().any(|token_use| token_use.expires_at.is_some());
        let store = if locked == LockedRows::Skip { self.without_turns() } else { self.clone() };
        store.write(|conn| {
            if !extends {
                return write(conn, &usage, interval, locked);
            }
            // The change log does not record this: a cached answer with the old expiry only ends too early.
            change_log::pause(conn)?;
            let skipped = write(conn, &usage, interval, locked)?;
            change_log::resume(conn)?;
            Ok(skipped)
        })
    }
}

/// Lets the commit of this transaction not wait for a synchronous standby. Usage is written every second: while a standby
/// is gone, more and more of these writes would wait for it, and each would hold a connection.
pub fn commit_without_standby(pg: &mut PgConnection) -> Result<(), StoreError> {
    Ok(pg.batch_execute(
        "select set_config('synchronous_commit', 'local', true) \
         where current_setting('synchronous_commit') not in ('off', 'local')",
    )?)
}

fn write(conn: &mut Conn, usage: &[TokenUse], interval: Duration, locked: LockedRows) -> Result<Vec<i64>, StoreError> {
    match conn {
        Conn::Pg(pg) => {
            commit_without_standby(pg)?;
            let ids: Vec<i64> = usage.iter().map(|token_use| token_use.id).collect();
            let moments: Vec<_> = usage.iter().map(|token_use| token_use.last_used_at.naive()).collect();
            let expires: Vec<_> = usage.iter().map(|token_use| token_use.expires_at.map(Timestamp::naive)).collect();
            let due: Vec<_> = usage.iter().map(|token_use| token_use.last_used_at.before(interval).naive()).collect();
            let latest: Vec<_> =
                usage.iter().map(|token_use| token_use.last_used_at.latest_plausible().naive()).collect();
            let users: Vec<&str> = usage.iter().map(|token_use| token_use.last_used_by.as_str()).collect();
            let skip = if locked == LockedRows::Skip { "skip locked" } else { "" };
            // `greatest` ignores nulls. An expiry is extended only if the token has one.
            let skipped: Vec<SkippedRow> = diesel::sql_query(format!(
                "with locked as (select id from tokens where id = any($1) order by id for no key update {skip}), \
                 written as (update tokens set last_used_at = case when tokens.last_used_at > used.latest \
                              then used.last_used_at else greatest(tokens.last_used_at, used.last_used_at) end, \
                 last_used_by = case when tokens.last_used_at between used.last_used_at and used.latest \
                              then tokens.last_used_by else used.last_used_by end, \
                 expires_at = case when tokens.expires_at is null then null \
                              else greatest(tokens.expires_at, used.expires_at) end \
                 from unnest($1, $2, $3, $4, $5, $6) \
                      as used (id, last_used_at, expires_at, due, latest, last_used_by), locked \
                 where tokens.id = used.id and tokens.id = locked.id and (tokens.last_used_at is null \
                 or tokens.last_used_at <= used.due or tokens.last_used_at > used.latest \
                 or tokens.expires_at < used.expires_at)) \
                 select id from tokens where id = any($1) and id not in (select id from locked)"
            ))
            .bind::<Array<BigInt>, _>(ids)
            .bind::<Array<SqlTimestamp>, _>(moments)
            .bind::<Array<Nullable<SqlTimestamp>>, _>(expires)
            .bind::<Array<SqlTimestamp>, _>(due)
            .bind::<Array<SqlTimestamp>, _>(latest)
            .bind::<Array<Text>, _>(users)
            .load(pg)?;
            Ok(skipped.into_iter().map(|SkippedRow { id }| id).collect())
        }
        Conn::Sqlite(sqlite) => {
            for token_use in usage {
                let token = tokens::table.find(token_use.id);
                let (at, due) = (token_use.last_used_at.naive(), token_use.last_used_at.before(interval).naive());
                let latest = token_use.last_used_at.latest_plausible().naive();
                let is_due = tokens::last_used_at.le(due).or(tokens::last_used_at.gt(latest));
                diesel::update(token)
                    .filter(tokens::last_used_at.is_null().or(is_due))
                    .set((tokens::last_used_at.eq(at), tokens::last_used_by.eq(token_use.last_used_by.as_str())))
                    .execute(sqlite)?;
                if let Some(expires_at) = token_use.expires_at.map(Timestamp::naive) {
                    diesel::update(token)
                        .filter(tokens::expires_at.lt(expires_at))
                        .set(tokens::expires_at.eq(expires_at))
                        .execute(sqlite)?;
                }
            }
            Ok(Vec::new())
        }
    }
}
