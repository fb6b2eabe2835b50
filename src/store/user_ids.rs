//! The ids of new users, given by jeton and not by the databases.

use diesel::dsl::{exists, max};
use diesel::prelude::*;
use diesel::select;

use super::StoreError;
use super::connection::Conn;
use super::schema::{meta, users};
use crate::domain::user::FIRST_BOOTSTRAP_ID;

/// Where a new user's id comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdRange {
    /// From 1 up.
    Ordinary,
    /// From [`FIRST_BOOTSTRAP_ID`] up.
    Bootstrap,
}

#[derive(QueryableByName)]
struct NextId {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    id: i64,
}

/// The counter's row stays locked, so two transactions never get the same id; ids of deleted users do not come again.
/// Each range counts by itself.
pub fn next_id(conn: &mut Conn, range: IdRange) -> Result<i64, StoreError> {
    let (counter, first) = match range {
        IdRange::Ordinary => ("last_user_id", 1),
        IdRange::Bootstrap => ("last_bootstrap_id", FIRST_BOOTSTRAP_ID),
    };
    free_ids(conn, counter, first, 1)
}

/// The first of as many ordinary ids.
pub fn next_ids(conn: &mut Conn, count: usize) -> Result<i64, StoreError> {
    let count = i64::try_from(count).map_err(|_| StoreError::Failed("there are not that many ids".into()))?;
    free_ids(conn, "last_user_id", 1, count)
}

/// The first of `count` ids in a row that are nobody's: an import may have brought ids that a counter is still to reach.
fn free_ids(conn: &mut Conn, counter: &str, first: i64, count: i64) -> Result<i64, StoreError> {
    let last = advance(conn, counter, first, count)?;
    let from = last - count + 1;
    if count == 0 || !select(exists(users::table.filter(users::id.between(from, last)))).get_result(conn)? {
        return Ok(from);
    }
    // Behind the highest, but for one so high that nothing is left behind it.
    let highest: Option<i64> =
        users::table.filter(users::id.lt(i64::MAX - count)).select(max(users::id)).first(conn)?;
    let last = highest.map_or(last, |highest| highest.max(last) + count);
    diesel::update(meta::table.find(counter)).set(meta::value.eq(last.to_string())).execute(conn)?;
    Ok(last - count + 1)
}

/// Moves a counter, whose first value is `first`; gives its new value.
fn advance(conn: &mut Conn, counter: &str, first: i64, by: i64) -> Result<i64, StoreError> {
    let moved = diesel::sql_query(
        "insert into meta (key, value) values ($1, cast($2 as text)) \
         on conflict (key) do update set value = cast(cast(meta.value as bigint) + $3 as text) \
         returning cast(value as bigint) as id",
    )
    .bind::<diesel::sql_types::Text, _>(counter)
    .bind::<diesel::sql_types::BigInt, _>(first + by - 1)
    .bind::<diesel::sql_types::BigInt, _>(by)
    .get_result::<NextId>(conn)?;
    Ok(moved.id)
}
