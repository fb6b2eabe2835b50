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
    let next = diesel::sql_query(
        "insert into meta (key, value) values ($1, cast($2 as text)) \
         on conflict (key) do update set value = cast(cast(meta.value as bigint) + 1 as text) \
         returning cast(value as bigint) as id",
    )
    .bind::<diesel::sql_types::Text, _>(counter)
    .bind::<diesel::sql_types::BigInt, _>(first)
    .get_result::<NextId>(conn)?
    .id;
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
