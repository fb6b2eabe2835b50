//! The `users` table: reads users. `list.rs` lists them, `create.rs`, `update.rs` and `deactivate_many.rs` write them.
//! Their rows and locks are in `user_rows/`.

mod create;
mod deactivate_many;
mod hashes;
mod list;
mod update;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::connection::{Conn, storable};
use super::login_names::{NOBODY, is_taken, require_distinct, row_at_login};
use super::schema::users;
use super::user_rows::{UserRow, by_id, with_groups};
use super::{Store, StoreError, groups};
use crate::domain::user::{LoginName, User, UsernameCase};
pub(super) use list::searched;
pub(super) use update::difference;

impl Store {
    /// The user with exactly this name.
    pub fn user(&self, username: &str) -> Result<Option<User>, StoreError> {
        if !storable(username) {
            return Ok(None);
        }
        self.read(|conn| by_name(conn, username))
    }

    /// The user with this id.
    pub fn user_by_id(&self, id: i64) -> Result<Option<User>, StoreError> {
        self.read(|conn| by_id(conn, id))
    }

    /// The users with these ids who exist, by name.
    pub fn users_by_id(&self, ids: &[i64]) -> Result<Vec<User>, StoreError> {
        self.read(|conn| {
            let rows = users::table.filter(users::id.eq_any(ids.to_vec())).order(users::username);
            let rows: Vec<UserRow> = rows.select(UserRow::as_select()).load(conn)?;
            with_groups(conn, rows)
        })
    }

    /// The user whom a login names. As many statements run when there is no such user, so that the time does not reveal
    /// it.
    pub fn user_at_login(&self, name: &LoginName) -> Result<Option<User>, StoreError> {
        self.read(|conn| {
            let row = row_at_login(conn, name, self.options.username_case)?;
            let id = row.as_ref().map_or(NOBODY, |row: &UserRow| row.id);
            let groups = groups::names_by_user(conn, &[id])?.remove(&id).unwrap_or_default();
            Ok(row.map(|row| row.user(groups)))
        })
    }

    /// Whether a user, other than `except`, has this name.
    pub fn has_username(&self, username: &str, except: Option<i64>) -> Result<bool, StoreError> {
        if !storable(username) {
            return Ok(false);
        }
        self.read(|conn| is_taken(conn, username, self.options.username_case, except))
    }

    /// Whether a user other than `except` has this external id.
    pub fn has_external_id(&self, external_id: &str, except: i64) -> Result<bool, StoreError> {
        if !storable(external_id) {
            return Ok(false);
        }
        self.read(|conn| {
            let others = users::table.filter(users::external_id.eq(external_id)).filter(users::id.ne(except));
            Ok(others.select(users::id).first::<i64>(conn).optional()?.is_some())
        })
    }

    /// Refuses a database in which names differ by case only, where such names are the same name.
    ///
    /// # Errors
    /// [`StoreError::Unusable`].
    pub fn require_distinct_usernames(&self) -> Result<(), StoreError> {
        if self.options.username_case == UsernameCase::Exact {
            return Ok(());
        }
        self.read(|conn| match conn {
            Conn::Sqlite(_) => require_distinct(conn),
            Conn::Pg(_) => conn.in_transaction(|conn| {
                // All names are read.
                conn.batch_execute("set local statement_timeout = 0")?;
                require_distinct(conn)
            }),
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
