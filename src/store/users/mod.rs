//! The `users` table: reads users. `list.rs` lists them, `create.rs`, `update.rs` and `deactivate_many.rs` write them,
//! `lock.rs` locks them.

mod create;
mod deactivate_many;
mod hashes;
mod list;
mod lock;
mod row;
mod update;

use diesel::prelude::*;

use super::connection::Conn;
use super::schema::users;
use super::{Store, StoreError, groups, storable};
use crate::domain::user::User;
pub(super) use list::SEARCHED_POSTGRES;
pub(super) use lock::{lock, lock_by_id, lock_row};
pub(super) use row::UserRow;

/// No user has this id.
const NOBODY: i64 = i64::MIN;

impl Store {
    /// The user with exactly this name.
    pub fn user(&self, username: &str) -> Result<Option<User>, StoreError> {
        if !storable(username) {
            return Ok(None);
        }
        self.read(|conn| by_name(conn, username))
    }

    /// As [`Store::user`], with as many statements when there is no such user, so that the time does not reveal it.
    pub fn user_at_login(&self, username: &str) -> Result<Option<User>, StoreError> {
        if !storable(username) {
            return Ok(None);
        }
        self.read(|conn| {
            let row = users::table
                .filter(users::username.eq(username))
                .select(UserRow::as_select())
                .first(conn)
                .optional()?;
            let id = row.as_ref().map_or(NOBODY, |row: &UserRow| row.id);
            let groups = groups::names_by_user(conn, &[id])?.remove(&id).unwrap_or_default();
            Ok(row.map(|row| row.user(groups)))
        })
    }

    /// Whether there is any user.
    pub fn has_users(&self) -> Result<bool, StoreError> {
        self.read(|conn| Ok(users::table.select(users::id).first::<i64>(conn).optional()?.is_some()))
    }

    /// Whether there is a superuser who may log in.
    pub fn has_active_superuser(&self) -> Result<bool, StoreError> {
        let supers = users::table.filter(users::is_superuser).filter(users::is_active);
        self.read(|conn| Ok(supers.select(users::id).first::<i64>(conn).optional()?.is_some()))
    }
}

fn by_name(conn: &mut Conn, username: &str) -> Result<Option<User>, StoreError> {
    let row: Option<UserRow> =
        users::table.filter(users::username.eq(username)).select(UserRow::as_select()).first(conn).optional()?;
    Ok(with_groups(conn, row.into_iter().collect())?.pop())
}

fn by_id(conn: &mut Conn, id: i64) -> Result<Option<User>, StoreError> {
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
