//! Changes users as they changed at the source.

use diesel::prelude::*;
use serde_json::Value;

use super::super::password_links::{end_links, end_links_after};
use super::super::schema::{imported_users, user_groups, users};
use super::super::sessions::{end_forbidden_sessions, end_sessions};
use super::super::user_rows::{ChangedColumns, by_id, lock_by_id};
use super::super::users::difference;
use super::super::{StoreError, audit, groups};
use super::{ImportTarget, Remembered};
use crate::domain::audit::{Action, Actor};
use crate::domain::password::PasswordHash;
use crate::domain::time::Timestamp;
use crate::domain::user::{User, UserChange};

/// How an import changes an existing user.
pub struct UpdatedUser {
    /// The fields.
    pub change: UserChange,
    /// The hash. Login tokens stay valid, as they do in Django; a hash may change without the password.
    pub password: Option<PasswordHash>,
    /// What is stored for the next import.
    pub remembered: Remembered,
}

impl ImportTarget<'_> {
    /// Locks a user, and reads them with their groups.
    pub fn lock_user(&mut self, id: i64) -> Result<Option<User>, StoreError> {
        self.conn.as_deref_mut().map_or(Ok(None), |conn| lock_by_id(conn, id))
    }

    /// The users with their groups.
    pub fn with_groups(&mut self, mut users: Vec<User>) -> Result<Vec<User>, StoreError> {
        let Some(conn) = self.conn.as_deref_mut() else { return Ok(users) };
        let ids: Vec<i64> = users.iter().map(|user| user.id).collect();
        let mut names = groups::names_by_user(conn, &ids)?;
        for user in &mut users {
            user.groups = names.remove(&user.id).unwrap_or_default();
        }
        Ok(users)
    }

    /// How many active superusers there are.
    pub fn count_superusers(&mut self) -> Result<i64, StoreError> {
        let Some(conn) = self.conn.as_deref_mut() else { return Ok(0) };
        let supers = users::table.filter(users::is_superuser.eq(true)).filter(users::is_active.eq(true));
        Ok(supers.count().get_result(conn)?)
    }

    /// Changes a locked user.
    pub fn update_user(
        &mut self,
        before: &User,
        updated: &UpdatedUser,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(conn) = self.conn.as_deref_mut() else { return Ok(()) };
        let UpdatedUser { change, password, remembered } = updated;
        let id = before.id;
        if let Some(columns) = ChangedColumns::of(change) {
            diesel::update(users::table.find(id)).set(columns).execute(conn)?;
            diesel::update(users::table.find(id).filter(users::is_superuser.eq(true)))
                .set(users::is_staff.eq(true))
                .execute(conn)?;
        }
        if let Some(names) = &change.groups {
            diesel::delete(user_groups::table.filter(user_groups::user_id.eq(id))).execute(conn)?;
            groups::join(conn, id, names)?;
        }
        if let Some(hash) = password {
            diesel::update(users::table.find(id)).set(users::password.eq(hash.as_str())).execute(conn)?;
        }
        let written = (
            imported_users::user_id.eq(id),
            imported_users::fields.eq(remembered.fields.as_bytes()),
            imported_users::password.eq(remembered.password.as_slice()),
        );
        diesel::delete(imported_users::table.find(id)).execute(conn)?;
        diesel::insert_into(imported_users::table).values(written).execute(conn)?;
        let after = by_id(conn, id)?.ok_or_else(|| StoreError::Failed("a locked user vanished".into()))?;
        if password.is_some() {
            end_sessions(conn, id)?;
            end_links(conn, id)?;
        }
        end_forbidden_sessions(conn, &after)?;
        end_links_after(conn, before, &after)?;
        let mut details = difference(before, &after);
        if details.is_empty() && password.is_none() {
            return Ok(());
        }
        details.insert("imported_from".into(), "django".into());
        if details.len() > 1 {
            audit::record_update(conn, by, (before, &after), details, now)?;
        } else {
            audit::record(conn, by, Action::UserPassword, &before.username, &Value::Object(details), now)?;
        }
        self.has_cached_changes = true;
        Ok(())
    }
}
