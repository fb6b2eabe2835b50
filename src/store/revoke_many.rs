//! Revokes tokens of many users in batches, so that no other transaction waits long for a locked row.

use std::collections::BTreeMap;

use diesel::dsl::{count_star, max, sql};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt};
use serde_json::json;

use super::connection::{Conn, MultiBackend};
use super::schema::{tokens, users};
use super::token_rows::{end_for_every_clock, maybe_live, unrevoked};
use super::{Store, StoreError, audit};
use crate::domain::audit::{Action, Actor};
use crate::domain::change::Change;
use crate::domain::time::Timestamp;

/// Which tokens are selected; `None` for all.
#[derive(Clone, Debug, Default)]
pub struct TokenFilter {
    /// Of these users.
    pub user_ids: Option<Vec<i64>>,
    /// Created at this time or later.
    pub since: Option<Timestamp>,
    /// Created before this time.
    pub until: Option<Timestamp>,
}

/// How many tokens are selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenCounts {
    /// Live tokens.
    pub tokens: i64,
    /// Users who have them.
    pub users: i64,
    /// Other tokens, which look expired or past their grace period by this node's clock, but may be live by another
    /// node's.
    pub ended_here: i64,
    /// The id of the newest of all tokens. Tokens that are created later have higher ids.
    pub newest: i64,
}

/// The result of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// How many rows it changed.
    pub changed: u64,
    /// The last id of this batch; the next one begins after it.
    pub last: i64,
}

impl Store {
    /// Counts the tokens to revoke. It may read all tokens, so it has no time limit.
    pub fn count_tokens(&self, which: &TokenFilter, now: Timestamp) -> Result<TokenCounts, StoreError> {
        self.read_without_timeout(|conn| {
            let all: i64 = selected(which).count().get_result(conn)?;
            let is_unexpired = tokens::expires_at.is_null().or(tokens::expires_at.gt(now.naive()));
            let live = selected(which).filter(unrevoked(now)).filter(is_unexpired);
            let (tokens, users) = live.select((count_star(), sql::<BigInt>("count(distinct user_id)"))).first(conn)?;
            let newest: Option<i64> = tokens::table.select(max(tokens::id)).first(conn)?;
            Ok(TokenCounts { tokens, users, ended_here: (all - tokens).max(0), newest: newest.unwrap_or(0) })
        })
    }

    /// Revokes at most `limit` tokens with ids after `after`, up to `through`; `None` when there is none left. Those
    /// that look expired or past their grace period are ended, too: see `end_for_every_clock`.
    pub fn revoke_tokens(
        &self,
        which: &TokenFilter,
        (after, through): (i64, i64),
        limit: u32,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<Batch>, StoreError> {
        self.change(|conn, changes| {
            let found: Vec<(i64, i64)> = selected(which)
                .filter(tokens::id.gt(after))
                .filter(tokens::id.le(through))
                .order(tokens::id)
                .limit(limit.into())
                .select((tokens::id, tokens::user_id))
                .load(conn)?;
            let Some((last, _)) = found.last().copied() else { return Ok(None) };
            let (ids, owners): (Vec<i64>, Vec<i64>) = found.into_iter().unzip();
            lock_many(conn, &owners, &ids)?;
            // Read again, because others may have changed the rows before they were locked.
            let still_selected: Vec<i64> =
                selected(which).filter(tokens::id.eq_any(ids)).select(tokens::id).load(conn)?;
            let rows: Vec<(i64, i64, String)> = tokens::table
                .inner_join(users::table)
                .filter(tokens::id.eq_any(still_selected.clone()))
                .order(tokens::id)
                .select((tokens::id, users::id, users::username))
                .load(conn)?;
            let changed = end_for_every_clock(conn, &still_selected, by, now)?;
            let mut ended: BTreeMap<(i64, String), Vec<i64>> = BTreeMap::new();
            for (id, user_id, username) in rows {
                ended.entry((user_id, username)).or_default().push(id);
            }
            for ((user_id, username), ids) in &ended {
                changes.push(Change::User(*user_id));
                audit::record(conn, by, Action::TokenRevoke, username, &json!({ "tokens": ids }), now)?;
            }
            Ok(Some(Batch { changed: changed as u64, last }))
        })
    }
}

/// The selected tokens that may be live by the clock of some node.
fn selected(which: &TokenFilter) -> tokens::BoxedQuery<'static, MultiBackend> {
    let mut query = tokens::table.filter(maybe_live()).into_boxed();
    if let Some(ids) = &which.user_ids {
        query = query.filter(tokens::user_id.eq_any(ids.clone()));
    }
    if let Some(since) = which.since {
        query = query.filter(tokens::created_at.ge(since.naive()));
    }
    if let Some(until) = which.until {
        query = query.filter(tokens::created_at.lt(until.naive()));
    }
    query
}

/// Locks users, then their tokens, to avoid deadlocks in the same order as all other transactions: active superusers
/// before other users (`user_rows/lock.rs`), and all by id. On SQLite the transaction itself has that effect.
fn lock_many(conn: &mut Conn, owners: &[i64], ids: &[i64]) -> Result<(), StoreError> {
    let pg = match conn {
        Conn::Pg(pg) => pg,
        Conn::Sqlite(_) => return Ok(()),
    };
    for (rows, ids) in [
        ("users where id = any($1) order by (is_superuser and is_active) desc, id", owners),
        ("tokens where id = any($1) order by id", ids),
    ] {
        diesel::sql_query(format!("select id from {rows} for no key update"))
            .bind::<Array<BigInt>, _>(ids)
            .execute(pg)?;
    }
    Ok(())
}
