//! Locks users, so that two changes of one user run one after the other, and protects the last active superuser.

use diesel::prelude::*;

use super::by_id;
use crate::domain::user::User;
use crate::store::StoreError;
use crate::store::connection::Conn;
use crate::store::schema::users;

/// Locks a user until the transaction ends: nobody else can change them or their tokens. On SQLite the transaction
/// itself has that effect. `None` when the user is gone, or their rights have changed since they were read, because
/// then the caller may not be allowed to change them. The user is found by id, because another user may have their name
/// by now.
pub(in crate::store) fn lock(conn: &mut Conn, read: &User) -> Result<Option<User>, StoreError> {
    let same = |user: &User| user.is_staff == read.is_staff && user.is_superuser == read.is_superuser;
    Ok(lock_by_id(conn, read.id)?.filter(same))
}

/// As [`lock`], whatever their rights: for users who change their own account.
pub(in crate::store) fn lock_by_id(conn: &mut Conn, id: i64) -> Result<Option<User>, StoreError> {
    lock_row(conn, id)?;
    by_id(conn, id)
}

/// As [`lock`], for callers whose next statement checks that the user has not changed.
pub(in crate::store) fn lock_row(conn: &mut Conn, id: i64) -> Result<(), StoreError> {
    match conn {
        Conn::Pg(pg) => drop(users::table.find(id).select(users::id).for_no_key_update().first::<i64>(pg).optional()?),
        Conn::Sqlite(_) => {}
    }
    Ok(())
}

/// Locks and returns the active superusers, so that two cannot be removed at the same moment. In the order of their
/// ids, and before any other user, to avoid a deadlock.
pub(in crate::store) fn lock_superusers(conn: &mut Conn) -> Result<Vec<i64>, StoreError> {
    let supers = users::table.filter(users::is_superuser.eq(true)).filter(users::is_active.eq(true));
    Ok(match conn {
        Conn::Pg(pg) => supers.select(users::id).order(users::id).for_no_key_update().load(pg)?,
        Conn::Sqlite(sqlite) => supers.select(users::id).load(sqlite)?,
    })
}

/// Refuses to remove the last active superuser.
pub(in crate::store) fn require_another_superuser(superusers: &[i64], leaving: &User) -> Result<(), StoreError> {
    let is_active_superuser = leaving.is_superuser && leaving.is_active;
    if !is_active_superuser || superusers.iter().any(|id| *id != leaving.id) {
        Ok(())
    } else {
        Err(StoreError::LastSuperuser)
    }
}
