//! Lists live tokens that somebody should look at: those that end soon, and those that nobody uses.
//!
//! No index tells whether such a token is live, or when it was last used: an index of `last_used_at` would make each note of
//! a use dearer. So each list looks at a bounded number of rows, however few of them match, and says whether these were all.

use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Timestamp as SqlTimestamp};

use super::connection::Conn;
use super::schema::{tokens, users};
use super::token_rows::{FactsRow, unrevoked};
use super::{Store, StoreError};
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::token::ListedToken;

/// How many tokens a list looks at.
pub const MAX_LOOKED_AT: u32 = 10_000;

/// How many ids one query has at most.
const MAX_IDS: usize = 500;

/// The condition that a token's user is active. A subquery in place of a join, because a planner may read all users for a
/// join.
const OF_ACTIVE_USER: &str = "(select is_active from users where users.id = user_id)";

/// Tokens that nobody has used since a moment. One that was never used counts from its creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnusedSince {
    /// The moment.
    pub moment: Timestamp,
    /// Without tokens of logins.
    pub is_named: bool,
}

/// A part of the list of tokens.
#[derive(Clone, Debug)]
pub struct PartOfTokens {
    /// The page, of what was found.
    pub page: Page<ListedToken>,
    /// Whether all tokens were looked at that may match.
    pub is_whole: bool,
}

/// Which rows are searched for unused tokens.
#[derive(Clone, Copy)]
enum Rows<'a> {
    /// All.
    All,
    /// With an id below this one.
    Below(i64),
    /// With an id above the first and not above the second.
    Within(i64, i64),
    /// With these ids.
    These(&'a [i64]),
}

#[derive(QueryableByName)]
struct EndingRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = SqlTimestamp)]
    ends: NaiveDateTime,
}

impl Store {
    /// Live tokens of active users that end by then, by their expiry or with their grace period, the first ones first. Only
    /// the first `count_limit` are counted; a larger count says that there are more.
    pub fn list_expiring_tokens(
        &self,
        end: Timestamp,
        page: PageRequest,
        count_limit: u32,
        now: Timestamp,
    ) -> Result<PartOfTokens, StoreError> {
        self.read(|conn| {
            let limit = count_limit.saturating_add(1);
            let mut ending: Vec<EndingRow> = Vec::new();
            let mut is_whole = true;
            for kind in [Ending::BY_EXPIRY, Ending::BY_GRACE] {
                is_whole &= kind.is_whole(conn, now, end)?;
                ending.extend(kind.load(conn, now, end, limit)?);
            }
            ending.sort_by_key(|row| (row.ends, row.id));
            ending.truncate(limit as usize);
            let ids: Vec<i64> = ending.into_iter().map(|row| row.id).collect();
            Ok(PartOfTokens { page: page_of(conn, &ids, page)?, is_whole })
        })
    }

    /// Live tokens of active users that nobody has used, by id: the first [`MAX_LOOKED_AT`] tokens are searched, and those
    /// with the ids `found`, in ascending order. Only the first `count_limit` are counted; a larger count says that there
    /// are more.
    pub fn list_unused_tokens(
        &self,
        unused: UnusedSince,
        found: &[i64],
        page: PageRequest,
        count_limit: u32,
        now: Timestamp,
    ) -> Result<PartOfTokens, StoreError> {
        self.read(|conn| {
            let limit = count_limit.saturating_add(1);
            let end = first_not_searched(conn, unused.is_named)?;
            let mut ids = unused_ids(conn, unused, end.map_or(Rows::All, Rows::Below), limit, now)?;
            let others: Vec<i64> = found.iter().copied().filter(|id| end.is_some_and(|end| *id >= end)).collect();
            for these in others.chunks(MAX_IDS) {
                if ids.len() >= limit as usize {
                    break;
                }
                ids.extend(unused_ids(conn, unused, Rows::These(these), limit, now)?);
            }
            ids.truncate(limit as usize);
            Ok(PartOfTokens { page: page_of(conn, &ids, page)?, is_whole: end.is_none() })
        })
    }

    /// The first `limit` ids, after `first` and up to `last`, of live tokens of active users that nobody has used.
    pub fn find_unused_tokens(
        &self,
        unused: UnusedSince,
        (first, last): (i64, i64),
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<i64>, StoreError> {
        self.read(|conn| unused_ids(conn, unused, Rows::Within(first, last), limit, now))
    }
}

/// By what a token ends: the column, and the condition that such a token is live and does not end sooner.
struct Ending {
    column: &'static str,
    condition: &'static str,
}

impl Ending {
    const BY_EXPIRY: Self = Self {
        column: "expires_at",
        condition: "(revoked_at is null or (grace_until = revoked_at and revoked_at >= expires_at))",
    };
    const BY_GRACE: Self = Self {
        column: "revoked_at",
        condition: "grace_until = revoked_at and (expires_at is null or expires_at > revoked_at)",
    };

    /// Whether [`MAX_LOOKED_AT`] rows are all that have such an end by then, live or not.
    fn is_whole(&self, conn: &mut Conn, now: Timestamp, end: Timestamp) -> Result<bool, StoreError> {
        let column = self.column;
        // Only what the index has: to read the rows, which are scattered, takes a hundred times as long.
        let query = format!(
            "select cast(0 as bigint) as id, {column} as ends from tokens where {column} > $1 and {column} <= $2 \
             order by {column} limit 1 offset {MAX_LOOKED_AT}"
        );
        Ok(ending(conn, &query, now, end)?.is_empty())
    }

    /// The first `limit` that match, among the first [`MAX_LOOKED_AT`] that have such an end.
    fn load(&self, conn: &mut Conn, now: Timestamp, end: Timestamp, limit: u32) -> Result<Vec<EndingRow>, StoreError> {
        let Self { column, condition } = self;
        let query = format!(
            "select id, {column} as ends from (select id, user_id, expires_at, revoked_at, grace_until from tokens \
             where {column} > $1 and {column} <= $2 order by {column} limit {MAX_LOOKED_AT}) as first_ones \
             where {condition} and {OF_ACTIVE_USER} order by {column}, id limit {limit}"
        );
        ending(conn, &query, now, end)
    }
}

fn ending(conn: &mut Conn, query: &str, now: Timestamp, end: Timestamp) -> Result<Vec<EndingRow>, StoreError> {
    let query = diesel::sql_query(query).bind::<SqlTimestamp, _>(now.naive()).bind::<SqlTimestamp, _>(end.naive());
    Ok(match conn {
        Conn::Pg(pg) => query.load(pg)?,
        Conn::Sqlite(sqlite) => query.load(sqlite)?,
    })
}

/// The id after the first [`MAX_LOOKED_AT`] tokens; `None`: there are no more.
fn first_not_searched(conn: &mut Conn, is_named: bool) -> Result<Option<i64>, StoreError> {
    let ids = tokens::table.select(tokens::id).order(tokens::id).into_boxed();
    let ids = if is_named { ids.filter(tokens::name.is_not_null()) } else { ids };
    Ok(ids.offset(MAX_LOOKED_AT.into()).limit(1).first(conn).optional()?)
}

fn unused_ids(
    conn: &mut Conn,
    unused: UnusedSince,
    rows: Rows<'_>,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<i64>, StoreError> {
    let since = unused.moment.naive();
    let never_used = tokens::last_used_at.is_null().and(tokens::created_at.lt(since));
    let mut query = tokens::table
        .filter(unrevoked(now))
        .filter(tokens::expires_at.is_null().or(tokens::expires_at.gt(now.naive())))
        .filter(tokens::last_used_at.lt(since).or(never_used))
        .filter(sql::<Bool>(OF_ACTIVE_USER))
        .into_boxed();
    if unused.is_named {
        query = query.filter(tokens::name.is_not_null());
    }
    query = match rows {
        Rows::All => query,
        Rows::Below(end) => query.filter(tokens::id.lt(end)),
        Rows::Within(first, last) => query.filter(tokens::id.gt(first)).filter(tokens::id.le(last)),
        Rows::These(ids) => query.filter(tokens::id.eq_any(ids.to_vec())),
    };
    Ok(query.order(tokens::id).limit(limit.into()).select(tokens::id).load(conn)?)
}

/// The page of the tokens with these ids, in their order.
fn page_of(conn: &mut Conn, ids: &[i64], page: PageRequest) -> Result<Page<ListedToken>, StoreError> {
    let count = ids.len().try_into().unwrap_or(i64::MAX);
    let page = page.in_list(count);
    let offset = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let shown: Vec<i64> = ids.iter().copied().skip(offset).take(page.size as usize).collect();
    let rows: Vec<(FactsRow, String, bool)> = tokens::table
        .inner_join(users::table)
        .filter(tokens::id.eq_any(shown.clone()))
        .select((FactsRow::as_select(), users::username, users::is_active))
        .load(conn)?;
    let mut results: Vec<ListedToken> = rows
        .into_iter()
        .map(|(row, username, is_user_active)| ListedToken { token: row.into(), username, is_user_active })
        .collect();
    results.sort_by_key(|listed| shown.iter().position(|id| *id == listed.token.id));
    Ok(Page { count, results })
}
