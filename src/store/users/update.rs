//! Changes and deletes users, and sets passwords.

use diesel::prelude::*;
use serde_json::{Map, Value, json};

use crate::domain::audit::{Action, Actor};
use crate::domain::change::Change;
use crate::domain::django::ImportedFields;
use crate::domain::password::PasswordHash;
use crate::domain::time::Timestamp;
use crate::domain::user::{User, UserChange};
use crate::store::new_password::set_new_password;
use crate::store::password_links::end_links_after;
use crate::store::schema::{imported_users, user_groups, users};
use crate::store::sessions::end_forbidden_sessions;
use crate::store::token_rows::lock_tokens;
use crate::store::user_rows::{ChangedColumns, by_id, lock, lock_superusers, require_another_superuser};
use crate::store::{Changed, Store, StoreError, audit, groups};

impl Store {
    /// Changes a user, if the user has not changed since they were read: see `lock`.
    pub fn update_user(
        &self,
        read: &User,
        change: &UserChange,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Changed<User>, StoreError> {
        self.change(|conn, changes| {
            // The names are locked before any row of `users`, in the same order as by an import, to avoid a deadlock.
            if change.username.is_some() {
                self.lock_names(conn)?;
            }
            let may_remove_superuser = change.is_active == Some(false) || change.is_superuser == Some(false);
            let superusers = if may_remove_superuser { lock_superusers(conn)? } else { Vec::new() };
            let Some(user) = lock(conn, read)? else { return Ok(Changed::UserChanged) };
            changes.push(Change::User(user.id));
            if may_remove_superuser {
                require_another_superuser(&superusers, &user)?;
            }
            let change = &change.without_unchanged(&user);
            if let Some(username) = &change.username {
                self.require_free(conn, username, Some(user.id))?;
            }
            if let Some(columns) = ChangedColumns::of(change) {
                diesel::update(users::table.find(user.id)).set(columns).execute(conn)?;
                diesel::update(users::table.find(user.id).filter(users::is_superuser.eq(true)))
                    .set(users::is_staff.eq(true))
                    .execute(conn)?;
            }
            if let Some(names) = &change.groups {
                diesel::delete(user_groups::table.filter(user_groups::user_id.eq(user.id))).execute(conn)?;
                groups::join(conn, user.id, names)?;
            }
            let changed = by_id(conn, user.id)?.ok_or_else(|| StoreError::Failed("a locked user vanished".into()))?;
            end_forbidden_sessions(conn, &changed)?;
            end_links_after(conn, &user, &changed)?;
            let details = difference(&user, &changed);
            if !details.is_empty() {
                audit::record_update(conn, by, (&user, &changed), details, now)?;
            }
            Ok(Changed::Done(changed))
        })
    }

    /// Sets a password and revokes the user's login tokens, if the user has not changed since they were read.
    pub fn set_password(
        &self,
        read: &User,
        hash: &PasswordHash,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Changed<()>, StoreError> {
        self.change(|conn, changes| {
            let Some(user) = lock(conn, read)? else { return Ok(Changed::UserChanged) };
            changes.push(Change::User(user.id));
            set_new_password(conn, user.id, hash, by, now)?;
            audit::record(conn, by, Action::UserPassword, &user.username, &json!({}), now)?;
            Ok(Changed::Done(()))
        })
    }

    /// Replaces a hash by one of the same password with the configured cost, if the user still has `old`.
    pub fn rehash_password(
        &self,
        user_id: i64,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<Changed<()>, StoreError> {
        self.write(|conn| {
            let replaced = diesel::update(users::table.find(user_id).filter(users::password.eq(old.as_str())))
                .set(users::password.eq(new.as_str()))
                .execute(conn)?;
            // It is the same password: an import that looks whether it was changed here must not think so.
            let (old, new) = (ImportedFields::password(old), ImportedFields::password(new));
            let of_import = imported_users::table.find(user_id).filter(imported_users::password.eq(old.as_slice()));
            diesel::update(of_import).set(imported_users::password.eq(new.as_slice())).execute(conn)?;
            Ok(if replaced > 0 { Changed::Done(()) } else { Changed::UserChanged })
        })
    }

    /// Deletes a user with all of their tokens, if the user has not changed since they were read.
    pub fn delete_user(&self, read: &User, by: &Actor, now: Timestamp) -> Result<Changed<()>, StoreError> {
        self.change(|conn, changes| {
            let superusers = lock_superusers(conn)?;
            let Some(user) = lock(conn, read)? else { return Ok(Changed::UserChanged) };
            changes.push(Change::User(user.id));
            require_another_superuser(&superusers, &user)?;
            lock_tokens(conn, user.id)?;
            diesel::delete(users::table.find(user.id)).execute(conn)?;
            audit::record(conn, by, Action::UserDelete, &user.username, &json!({ "id": user.id }), now)?;
            Ok(Changed::Done(()))
        })
    }
}

/// The fields that differ. Setting a field to its old value is no change, and gets no audit entry.
pub(in crate::store) fn difference(before: &User, after: &User) -> Map<String, Value> {
    after.differences(before).into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
