//! Counts live tokens that end soon, or that nobody uses, for the metrics. The table may have millions of rows and no index
//! that helps, so each statement reads a bounded part of it, in the order of ids.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Timestamp as SqlTimestamp};

use super::connection::Conn;
use super::{Store, StoreError};
use crate::domain::time::Timestamp;

/// How many tokens there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindCounts {
    /// Tokens of logins.
    pub login: i64,
    /// Named ones.
    pub named: i64,
}

/// What was counted in one part of the table, or in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpiringAndUnused {
    /// Live tokens.
    pub live: i64,
    /// Live tokens that end soon.
    pub expiring: KindCounts,
    /// Live tokens that nobody has used for long.
    pub unused: KindCounts,
}

#[derive(QueryableByName)]
struct Part {
    #[diesel(sql_type = Nullable<BigInt>)]
    last_id: Option<i64>,
    #[diesel(sql_type = BigInt)]
    live: i64,
    #[diesel(sql_type = BigInt)]
    expiring_login: i64,
    #[diesel(sql_type = BigInt)]
    expiring_named: i64,
    #[diesel(sql_type = BigInt)]
    unused_login: i64,
    #[diesel(sql_type = BigInt)]
    unused_named: i64,
}

impl Store {
    /// Counts among the `limit` tokens after `last`, by id: those that end by `ends_by`, and those that nobody has used
    /// since `unused_since`. Returns the last id too; `None` when there were none.
    pub fn count_expiring_and_unused(
        &self,
        last: Option<i64>,
        limit: u32,
        now: Timestamp,
        (ends_by, unused_since): (Timestamp, Timestamp),
    ) -> Result<(Option<i64>, ExpiringAndUnused), StoreError> {
        let statement = format!(
            "select max(id) as last_id, count(case when is_live then 1 end) as live, \
             count(case when is_live and ends_soon and name is null then 1 end) as expiring_login, \
             count(case when is_live and ends_soon and name is not null then 1 end) as expiring_named, \
             count(case when is_live and is_unused and name is null then 1 end) as unused_login, \
             count(case when is_live and is_unused and name is not null then 1 end) as unused_named \
             from (select id, name, \
             (revoked_at is null or (grace_until = revoked_at and grace_until > $1)) \
             and (expires_at is null or expires_at > $1) as is_live, \
             (expires_at <= $2 or revoked_at <= $2) as ends_soon, \
             coalesce(last_used_at, created_at) < $3 as is_unused \
             from tokens where id > $4 order by id limit {limit}) as part"
        );
        let after = last.unwrap_or(i64::MIN);
        let part: Part = self.read(|conn| {
            // In the order of their first occurrence, by which SQLite numbers them.
            let query = diesel::sql_query(&statement)
                .bind::<SqlTimestamp, _>(now.naive())
                .bind::<SqlTimestamp, _>(ends_by.naive())
                .bind::<SqlTimestamp, _>(unused_since.naive())
                .bind::<BigInt, _>(after);
            Ok(match conn {
                Conn::Pg(pg) => query.get_result(pg)?,
                Conn::Sqlite(sqlite) => query.get_result(sqlite)?,
            })
        })?;
        let Part { last_id, live, expiring_login, expiring_named, unused_login, unused_named } = part;
        let expiring = KindCounts { login: expiring_login, named: expiring_named };
        let unused = KindCounts { login: unused_login, named: unused_named };
        Ok((last_id, ExpiringAndUnused { live, expiring, unused }))
    }
}
