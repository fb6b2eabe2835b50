//! The ids of new users. jeton assigns them, not the databases.

use diesel::connection::SimpleConnection;
use diesel::dsl::{exists, max};
use diesel::prelude::*;
use diesel::select;

use super::StoreError;
use super::connection::Conn;
use super::schema::{audit_log, meta, users};
use crate::domain::audit::Action;
use crate::domain::user::FIRST_BOOTSTRAP_ID;

/// The key in `meta` that says whether users came from Django: [`YES`] or [`NO`], or no value before the first query.
const FROM_DJANGO: &str = "users_from_django";
const YES: &str = "yes";
const NO: &str = "no";

/// The range of a new user's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdRange {
    /// From 1 up. After an import from Django, ids come from [`IdRange::Bootstrap`], because Django goes on assigning
    /// ids as long as it runs.
    Ordinary,
    /// From [`FIRST_BOOTSTRAP_ID`] up.
    Bootstrap,
}

#[derive(QueryableByName)]
struct NextId {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    id: i64,
}

/// The next id of a range. The counter's row stays locked, so two transactions never get the same id. Ids of deleted
/// users are not reused. Each range has a counter of its own.
pub fn next_id(conn: &mut Conn, range: IdRange) -> Result<i64, StoreError> {
    match range {
        IdRange::Ordinary => next_ids(conn, 1),
        IdRange::Bootstrap => free_ids(conn, "last_bootstrap_id", FIRST_BOOTSTRAP_ID, 1),
    }
}

/// The first of `count` consecutive ordinary ids.
pub fn next_ids(conn: &mut Conn, count: usize) -> Result<i64, StoreError> {
    let count = i64::try_from(count).map_err(|_| StoreError::Failed("there are not that many ids".into()))?;
    lock(conn)?;
    if came_from_django(conn)? {
        return free_ids(conn, "last_bootstrap_id", FIRST_BOOTSTRAP_ID, count);
    }
    free_ids(conn, "last_user_id", 1, count)
}

/// Locks the counter: until this transaction ends no other one gets an ordinary id, or reads whether users came from
/// Django. SQLite has only one writer.
pub fn lock(conn: &mut Conn) -> Result<(), StoreError> {
    match conn {
        Conn::Pg(pg) => Ok(pg.batch_execute("select value from meta where key = 'last_user_id' for update")?),
        Conn::Sqlite(_) => Ok(()),
    }
}

/// Records that users came from Django: new users get ids that Django will not assign.
pub fn mark_from_django(conn: &mut Conn) -> Result<(), StoreError> {
    diesel::sql_query(
        "insert into meta (key, value) values ($1, $2) on conflict (key) do update set value = excluded.value \
         where meta.value <> excluded.value",
    )
    .bind::<diesel::sql_types::Text, _>(FROM_DJANGO)
    .bind::<diesel::sql_types::Text, _>(YES)
    .execute(conn)?;
    Ok(())
}

/// Whether users came from Django. Older imports did not record it, so the audit log is searched once, as far as it
/// goes back.
fn came_from_django(conn: &mut Conn) -> Result<bool, StoreError> {
    let mark: Option<String> = meta::table.find(FROM_DJANGO).select(meta::value).first(conn).optional()?;
    if let Some(mark) = mark {
        return Ok(mark == YES);
    }
    let entries = audit_log::table
        .filter(audit_log::action.eq(Action::UserCreate.as_str()))
        .filter(audit_log::details.like(r#"%"imported_from":"django"%"#));
    let found = select(exists(entries)).get_result(conn)?;
    let mark = if found { YES } else { NO };
    diesel::insert_into(meta::table).values((meta::key.eq(FROM_DJANGO), meta::value.eq(mark))).execute(conn)?;
    Ok(found)
}

/// The first of `count` consecutive unused ids: an import may have used ids that a counter has not reached yet.
fn free_ids(conn: &mut Conn, counter: &str, first: i64, count: i64) -> Result<i64, StoreError> {
    let last = advance(conn, counter, first, count)?;
    let from = last - count + 1;
    if count == 0 || !select(exists(users::table.filter(users::id.between(from, last)))).get_result(conn)? {
        return Ok(from);
    }
    // After the highest id, unless that one is so high that nothing is left after it.
    let highest: Option<i64> =
        users::table.filter(users::id.lt(i64::MAX - count)).select(max(users::id)).first(conn)?;
    let last = highest.map_or(last, |highest| highest.max(last) + count);
    diesel::update(meta::table.find(counter)).set(meta::value.eq(last.to_string())).execute(conn)?;
    Ok(last - count + 1)
}

/// Advances a counter whose first value is `first`. Returns its new value.
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
