//! Users made.

use std::collections::BTreeSet;

use diesel::prelude::*;
use serde_json::{Value, json};

use super::by_id;
use crate::domain::audit::{Action, Actor};
use crate::domain::time::Timestamp;
use crate::domain::user::{NewUser, User};
use crate::store::connection::Conn;
use crate::store::schema::users;
use crate::store::user_ids::{IdRange, next_id};
use crate::store::{Store, StoreError, audit, groups};

impl Store {
    /// Makes a user; [`StoreError::Taken`] when the name is.
    pub fn create_user(&self, new: &NewUser, by: &Actor, now: Timestamp) -> Result<User, StoreError> {
        self.write(|conn| insert(conn, new, IdRange::Ordinary, by, now))
    }

    /// Makes a superuser at start unless there is a user of that name; `None` when there is.
    pub fn bootstrap_user(&self, new: &NewUser, now: Timestamp) -> Result<Option<User>, StoreError> {
        match self.write(|conn| insert(conn, new, IdRange::Bootstrap, &Actor::system(), now)) {
            Ok(user) => Ok(Some(user)),
            Err(StoreError::Taken) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn insert(conn: &mut Conn, new: &NewUser, range: IdRange, by: &Actor, now: Timestamp) -> Result<User, StoreError> {
    let id = next_id(conn, range)?;
    insert_row(conn, id, new, now)?;
    groups::join(conn, id, &new.groups)?;
    let user = by_id(conn, id)?.ok_or_else(|| StoreError::Failed("a new user vanished".into()))?;
    audit::record(conn, by, Action::UserCreate, &user.username, &details(id, new), now)?;
    Ok(user)
}

/// Without groups and audit entry.
fn insert_row(conn: &mut Conn, id: i64, new: &NewUser, now: Timestamp) -> Result<(), StoreError> {
    diesel::insert_into(users::table)
        .values((
            users::id.eq(id),
            users::username.eq(&new.username),
            users::password.eq(new.password.as_str()),
            users::email.eq(&new.email),
            users::first_name.eq(&new.first_name),
            users::last_name.eq(&new.last_name),
            users::is_active.eq(new.is_active),
            users::is_staff.eq(new.is_staff || new.is_superuser),
            users::is_superuser.eq(new.is_superuser),
            users::date_joined.eq(now.naive()),
        ))
        .execute(conn)?;
    Ok(())
}

/// What the audit log says of a new user.
fn details(id: i64, new: &NewUser) -> Value {
    json!({
        "id": id,
        "is_active": new.is_active,
        "is_staff": new.is_staff || new.is_superuser,
        "is_superuser": new.is_superuser,
        "groups": new.groups.iter().collect::<BTreeSet<_>>(),
    })
}
