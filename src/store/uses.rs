//! When tokens were last used, and how far their use pushed their expiry: written in batches.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Timestamp as SqlTimestamp};

use super::connection::Conn;
use super::schema::tokens;
use super::{Store, StoreError};
use crate::domain::time::Timestamp;

/// The uses of one token since they were last written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenUse {
    /// Which.
    pub id: i64,
    /// When it was last used.
    pub last_used_at: Timestamp,
    /// The expiry that its use earned it.
    pub expires_at: Option<Timestamp>,
}

/// What becomes of rows that somebody else holds. On SQLite nobody can hold one alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockedRows {
    /// They are waited for.
    Wait,
    /// They are left for later: whoever holds one must not keep all the others.
    PassOver,
}

#[derive(QueryableByName)]
struct PassedOver {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

impl Store {
    /// Writes uses, each token's unless one was written less than `interval` before it, by whatever node; an expiry
    /// always, unless a later one stands. A last use that lies too far ahead was written by a clock that was wrong, and
    /// makes room. Gives the ids of those that were passed over. One transaction, so give it hundreds, not millions.
    pub fn record_uses(
        &self,
        uses: &[TokenUse],
        interval: Duration,
        locked: LockedRows,
    ) -> Result<Vec<i64>, StoreError> {
        let mut uses = uses.to_vec();
        // In the same order on every node, so that two of them cannot lock each other out.
        uses.sort_unstable_by_key(|token_use| token_use.id);
        self.write(|conn| match conn {
            Conn::Pg(pg) => {
                // A later expiry makes no kept answer wrong: it only ends before its time.
                pg.batch_execute("set local jeton.quiet = 'on'")?;
                let ids: Vec<i64> = uses.iter().map(|token_use| token_use.id).collect();
                let moments: Vec<_> = uses.iter().map(|token_use| token_use.last_used_at.naive()).collect();
                let expires: Vec<_> = uses.iter().map(|token_use| token_use.expires_at.map(Timestamp::naive)).collect();
                let due: Vec<_> =
                    uses.iter().map(|token_use| token_use.last_used_at.before(interval).naive()).collect();
                let latest: Vec<_> =
                    uses.iter().map(|token_use| token_use.last_used_at.latest_credible().naive()).collect();
                let skip = if locked == LockedRows::PassOver { "skip locked" } else { "" };
                // `greatest` passes over nulls; an expiry is moved only where there is one.
                let passed_over: Vec<PassedOver> = diesel::sql_query(format!(
                    "with locked as (select id from tokens where id = any($1) order by id for no key update {skip}), \
                     written as (update tokens set last_used_at = case when tokens.last_used_at > used.latest \
                                  then used.last_used_at else greatest(tokens.last_used_at, used.last_used_at) end, \
                     expires_at = case when tokens.expires_at is null then null \
                                  else greatest(tokens.expires_at, used.expires_at) end \
                     from unnest($1, $2, $3, $4, $5) as used (id, last_used_at, expires_at, due, latest), locked \
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
                .load(pg)?;
                Ok(passed_over.into_iter().map(|PassedOver { id }| id).collect())
            }
            Conn::Sqlite(sqlite) => {
                for token_use in &uses {
                    let token = tokens::table.find(token_use.id);
                    let (at, due) = (token_use.last_used_at.naive(), token_use.last_used_at.before(interval).naive());
                    let latest = token_use.last_used_at.latest_credible().naive();
                    let is_due = tokens::last_used_at.le(due).or(tokens::last_used_at.gt(latest));
                    diesel::update(token)
                        .filter(tokens::last_used_at.is_null().or(is_due))
                        .set(tokens::last_used_at.eq(at))
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
        })
    }
}
