//! Creates users.

use std::collections::BTreeSet;

use diesel::prelude::*;
use serde_json::{Value, json};

use crate::domain::audit::{Action, Actor};
use crate::domain::time::Timestamp;
use crate::domain::user::{NewUser, User, UsernameCase};
use crate::store::connection::Conn;
use crate::store::login_names::is_taken;
use crate::store::schema::users;
use crate::store::user_ids::{IdRange, next_id};
use crate::store::user_rows::{UserRow, by_id};
use crate::store::{Store, StoreError, audit, groups, user_ids};

impl Store {
    /// Creates a user; [`StoreError::Taken`] when the username exists.
    pub fn create_user(&self, new: &NewUser, by: &Actor, now: Timestamp) -> Result<User, StoreError> {
        self.write(|conn| self.insert(conn, new, IdRange::Ordinary, by, now))
    }

    /// Creates the superuser that a start must create; `None` when there is a user of that name.
    pub fn bootstrap_user(&self, new: &NewUser, now: Timestamp) -> Result<Option<User>, StoreError> {
        match self.write(|conn| self.insert(conn, new, IdRange::Bootstrap, &Actor::system(), now)) {
            Ok(user) => Ok(Some(user)),
            Err(StoreError::Taken) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn insert(
        &self,
        conn: &mut Conn,
        new: &NewUser,
        range: IdRange,
        by: &Actor,
        now: Timestamp,
    ) -> Result<User, StoreError> {
        self.lock_names(conn)?;
        let id = next_id(conn, range)?;
        self.require_free(conn, &new.username, None)?;
        let new = &NewUser { is_staff: new.is_staff || new.is_superuser, ..new.clone() };
        diesel::insert_into(users::table).values(UserRow::new(id, new, now)).execute(conn)?;
        groups::join(conn, id, &new.groups)?;
        let user = by_id(conn, id)?.ok_or_else(|| StoreError::Failed("a new user vanished".into()))?;
        audit::record(conn, by, Action::UserCreate, &user.username, &details(id, new), now)?;
        Ok(user)
    }

    /// Locks all usernames where case does not count, because the column's unique index is not enough then: until this
    /// transaction ends no other one gives a user a name.
    pub(super) fn lock_names(&self, conn: &mut Conn) -> Result<(), StoreError> {
        match self.options.username_case {
            UsernameCase::Exact => Ok(()),
            UsernameCase::Ignore => user_ids::lock(conn),
        }
    }

    /// [`StoreError::Taken`] when a user, other than `except`, has this name in another case.
    pub(super) fn require_free(&self, conn: &mut Conn, username: &str, except: Option<i64>) -> Result<(), StoreError> {
        match self.options.username_case {
            UsernameCase::Ignore if is_taken(conn, username, UsernameCase::Ignore, except)? => Err(StoreError::Taken),
            UsernameCase::Exact | UsernameCase::Ignore => Ok(()),
        }
    }
}

/// The details of the audit entry for a new user.
fn details(id: i64, new: &NewUser) -> Value {
    json!({
        "id": id,
        "is_active": new.is_active,
        "is_staff": new.is_staff,
        "is_superuser": new.is_superuser,
        "groups": new.groups.iter().collect::<BTreeSet<_>>(),
    })
}
