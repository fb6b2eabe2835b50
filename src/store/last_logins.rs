//! Writes when users last logged in, in batches.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Timestamp as SqlTimestamp};

use super::connection::Conn;
use super::schema::users;
use super::usage::commit_without_standby;
use super::{LockedRows, Store, StoreError};
use crate::domain::time::Timestamp;

#[derive(QueryableByName)]
struct SkippedRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

impl Store {
    /// Writes logins, each a user's id and a time. A login is not written if any node wrote one less than `interval`
    /// before it, or if a later plausible one is stored. Returns the ids of users that were skipped because their rows
    /// were locked. All are written in one transaction, so pass some hundreds at a time.
    ///
    /// No cached answer contains `last_login`, so this is no change for the change log.
    pub fn record_logins(
        &self,
        logins: &[(i64, Timestamp)],
        interval: Duration,
        locked: LockedRows,
    ) -> Result<Vec<i64>, StoreError> {
        let mut logins = logins.to_vec();
        // The same order on every node, to avoid a deadlock.
        logins.sort_unstable();
        let store = if locked == LockedRows::Skip { self.without_turns() } else { self.clone() };
        store.write(|conn| match conn {
            Conn::Pg(pg) => {
                commit_without_standby(pg)?;
                let ids: Vec<i64> = logins.iter().map(|(id, _)| *id).collect();
                let moments: Vec<_> = logins.iter().map(|(_, at)| at.naive()).collect();
                let due: Vec<_> = logins.iter().map(|(_, at)| at.before(interval).naive()).collect();
                let latest: Vec<_> = logins.iter().map(|(_, at)| at.latest_plausible().naive()).collect();
                let skip = if locked == LockedRows::Skip { "skip locked" } else { "" };
                let skipped: Vec<SkippedRow> = diesel::sql_query(format!(
                    "with locked as (select id from users where id = any($1) order by id for no key update {skip}), \
                     written as (update users set last_login = login.at \
                     from unnest($1, $2, $3, $4) as login (id, at, due, latest), locked \
                     where users.id = login.id and users.id = locked.id \
                     and (users.last_login is null or users.last_login <= login.due \
                     or users.last_login > login.latest)) \
                     select id from users where id = any($1) and id not in (select id from locked)"
                ))
                .bind::<Array<BigInt>, _>(ids)
                .bind::<Array<SqlTimestamp>, _>(moments)
                .bind::<Array<SqlTimestamp>, _>(due)
                .bind::<Array<SqlTimestamp>, _>(latest)
                .load(pg)?;
                Ok(skipped.into_iter().map(|SkippedRow { id }| id).collect())
            }
            Conn::Sqlite(sqlite) => {
                for (id, at) in &logins {
                    let (due, latest) = (at.before(interval).naive(), at.latest_plausible().naive());
                    let is_due = users::last_login.le(due).or(users::last_login.gt(latest));
                    diesel::update(users::table.find(id))
                        .filter(users::last_login.is_null().or(is_due))
                        .set(users::last_login.eq(at.naive()))
                        .execute(sqlite)?;
                }
                Ok(Vec::new())
            }
        })
    }
}
