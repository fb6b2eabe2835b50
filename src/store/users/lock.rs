//! Two changes of one user happen one after the other, and the last active superuser stays.

use diesel::prelude::*;

use super::by_id;
use crate::domain::user::User;
use crate::store::StoreError;
use crate::store::connection::Conn;
use crate::store::schema::users;

/// Keeps everybody else from changing a user or their tokens until the transaction ends. On SQLite the transaction
/// itself has that effect. `None` when the user is gone, or has other rights than when they were read: whoever asked may
/// have power over the one and not over the other. Another who got their name meanwhile is another.
pub(in crate::store) fn lock(conn: &mut Conn, read: &User) -> Result<Option<User>, StoreError> {
    let same = |user: &User| user.is_staff == read.is_staff && user.is_superuser == read.is_superuser;
    Ok(lock_whoever(conn, read.id)?.filter(same))
}

/// As [`lock`], whatever their rights: for users who change their own account.
pub(in crate::store) fn lock_whoever(conn: &mut Conn, id: i64) -> Result<Option<User>, StoreError> {
    lock_id(conn, id)?;
    by_id(conn, id)
}

/// As [`lock`], where the next statement asks whether they still are who was read.
pub(in crate::store) fn lock_id(conn: &mut Conn, id: i64) -> Result<(), StoreError> {
    match conn {
        Conn::Pg(pg) => drop(users::table.find(id).select(users::id).for_no_key_update().first::<i64>(pg).optional()?),
        Conn::Sqlite(_) => {}
    }
    Ok(())
}

/// The active superusers. All of them are locked, so that two cannot go at the same moment: by id and before any other
/// user, so that two who each take one away cannot wait for each other.
pub(super) fn lock_superusers(conn: &mut Conn) -> Result<Vec<i64>, StoreError> {
    let supers = users::table.filter(users::is_superuser.eq(true)).filter(users::is_active.eq(true));
    Ok(match conn {
        Conn::Pg(pg) => supers.select(users::id).order(users::id).for_no_key_update().load(pg)?,
        Conn::Sqlite(sqlite) => supers.select(users::id).load(sqlite)?,
    })
}

/// Refuses to take away the last of the active superusers.
pub(super) fn keep_a_superuser(superusers: &[i64], leaving: &User) -> Result<(), StoreError> {
    let is_one = leaving.is_superuser && leaving.is_active;
    if !is_one || superusers.iter().any(|id| *id != leaving.id) { Ok(()) } else { Err(StoreError::LastSuperuser) }
}
