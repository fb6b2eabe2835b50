//! The `users` table: reads users. `list.rs` lists them, `create.rs`, `update.rs` and `deactivate_many.rs` write them.
//! Their rows and locks are in `user_rows/`.

mod create;
mod deactivate_many;
mod hashes;
mod list;
mod update;

use diesel::prelude::*;

use super::connection::{Conn, storable};
use super::schema::users;
use super::user_rows::{UserRow, with_groups};
use super::{Store, StoreError, groups};
use crate::domain::user::User;
pub(super) use list::SEARCHED_POSTGRES;
pub(super) use update::difference;

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
