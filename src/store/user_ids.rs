//! The ids of new users, given by jeton and not by the databases.

use diesel::prelude::*;

use super::StoreError;
use super::connection::Conn;
use super::schema::users;
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
    let next = advance(conn, counter, first, 1)?;
    match range {
        IdRange::Ordinary => Ok(next),
        IdRange::Bootstrap => {
            let highest: Option<i64> = users::table
                .filter(users::id.ge(FIRST_BOOTSTRAP_ID))
                .select(diesel::dsl::max(users::id))
                .first(conn)?;
            Ok(highest.map_or(next, |highest| next.max(highest + 1)))
        }
    }
}

/// The first of as many ordinary ids.
pub fn next_ids(conn: &mut Conn, count: usize) -> Result<i64, StoreError> {
    let count = i64::try_from(count).map_err(|_| StoreError::Failed("there are not that many ids".into()))?;
    Ok(advance(conn, "last_user_id", 1, count)? - count + 1)
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
