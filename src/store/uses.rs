//! When tokens were last used, and how far their use pushed their expiry: written in batches.

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

impl Store {
    /// Writes uses; later ones that another node wrote stand. One transaction, so give it hundreds, not millions.
    pub fn record_uses(&self, uses: &[TokenUse]) -> Result<(), StoreError> {
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
                // `greatest` passes over nulls; an expiry is moved only where there is one.
                diesel::sql_query(
                    "with locked as (select id from tokens where id = any($1) order by id for no key update) \
                     update tokens set last_used_at = greatest(tokens.last_used_at, used.last_used_at), \
                     expires_at = case when tokens.expires_at is null then null \
                                  else greatest(tokens.expires_at, used.expires_at) end \
                     from unnest($1, $2, $3) as used (id, last_used_at, expires_at), locked \
                     where tokens.id = used.id and tokens.id = locked.id",
                )
                .bind::<Array<BigInt>, _>(ids)
                .bind::<Array<SqlTimestamp>, _>(moments)
                .bind::<Array<Nullable<SqlTimestamp>>, _>(expires)
                .execute(pg)?;
                Ok(())
            }
            Conn::Sqlite(sqlite) => {
                for token_use in &uses {
                    let token = tokens::table.find(token_use.id);
                    let at = token_use.last_used_at.naive();
                    diesel::update(token)
                        .filter(tokens::last_used_at.is_null().or(tokens::last_used_at.lt(at)))
                        .set(tokens::last_used_at.eq(at))
                        .execute(sqlite)?;
                    if let Some(expires_at) = token_use.expires_at.map(Timestamp::naive) {
                        diesel::update(token)
                            .filter(tokens::expires_at.lt(expires_at))
                            .set(tokens::expires_at.eq(expires_at))
                            .execute(sqlite)?;
                    }
                }
                Ok(())
            }
        })
    }
}
