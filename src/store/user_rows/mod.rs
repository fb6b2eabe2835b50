//! Rows of `users`: read, locked, and with their groups.

mod lock;
mod row;

use diesel::prelude::*;

use super::connection::Conn;
use super::error::StoreError;
use super::groups;
use super::schema::users;
use crate::domain::user::User;
pub(super) use lock::{lock, lock_by_id, lock_row, lock_superusers, require_another_superuser};
pub(super) use row::{ChangedColumns, UserRow};

/// The user with this id.
pub(super) fn by_id(conn: &mut Conn, id: i64) -> Result<Option<User>, StoreError> {
    let row: Option<UserRow> = users::table.find(id).select(UserRow::as_select()).first(conn).optional()?;
    Ok(with_groups(conn, row.into_iter().collect())?.pop())
}

/// Adds the groups of all rows with one query.
pub(super) fn with_groups(conn: &mut Conn, rows: Vec<UserRow>) -> Result<Vec<User>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut groups = groups::names_by_user(conn, &ids)?;
    let with_theirs = |row: UserRow| {
        let theirs = groups.remove(&row.id).unwrap_or_default();
        row.user(theirs)
    };
    Ok(rows.into_iter().map(with_theirs).collect())
}
