//! The `users` table.

use std::collections::BTreeSet;

use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::{Map, Value, json};

use super::connection::{Conn, lower};
use super::revocation::{lock_tokens, revoke_login_tokens};
use super::schema::{user_groups, users};
use super::user_ids::{IdRange, next_id};
use super::{Store, StoreError, audit, groups, storable};
use crate::domain::audit::{Action, Actor};
use crate::domain::change::Change;
use crate::domain::page::{Page, PageRequest};
use crate::domain::password::PasswordHash;
use crate::domain::time::Timestamp;
use crate::domain::user::{NewUser, User};

/// The columns of `users`, in their order.
pub(super) type Row =
    (i64, String, String, String, String, String, bool, bool, bool, NaiveDateTime, Option<NaiveDateTime>);

/// What to change of a user; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, AsChangeset)]
#[diesel(table_name = users)]
pub struct UserChange {
    /// A checked new username.
    pub username: Option<String>,
    /// A checked e-mail address, or empty.
    pub email: Option<String>,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// Whether the user may log in and their tokens count.
    pub is_active: Option<bool>,
    /// Whether the user may use the admin API.
    pub is_staff: Option<bool>,
    /// Whether the user may change staff and clients.
    pub is_superuser: Option<bool>,
    /// The names of all groups the user is to be in.
    #[diesel(skip_update)]
    pub groups: Option<Vec<String>>,
}

/// A longer text is in no user's fields. And each word makes the query longer: thousands of them are more than the
/// databases, and the stack of the thread that builds it, can take.
const LONGEST_SEARCH: usize = 1000;

impl Store {
    /// The user with exactly this name.
    pub fn user(&self, username: &str) -> Result<Option<User>, StoreError> {
        if !storable(username) {
            return Ok(None);
        }
        self.read(|conn| by_name(conn, username))
    }

    /// Users by id, those whose name, first or last name or e-mail holds `search` (if it is not empty).
    pub fn list_users(&self, search: &str, page: PageRequest) -> Result<Page<User>, StoreError> {
        if !storable(search) || search.chars().count() > LONGEST_SEARCH {
            return Ok(Page { count: 0, results: Vec::new() });
        }
        self.read(|conn| {
            let matching = || {
                let mut query = users::table.into_boxed();
                for word in search.split_whitespace() {
                    // The database lowers both sides, so that a word finds itself whatever letters it knows.
                    let pattern = lower(format!("%{}%", like_escaped(word)));
                    query = query.filter(
                        lower(users::username)
                            .like(pattern.clone())
                            .escape('\\')
                            .or(lower(users::first_name).like(pattern.clone()).escape('\\'))
                            .or(lower(users::last_name).like(pattern.clone()).escape('\\'))
                            .or(lower(users::email).like(pattern).escape('\\')),
                    );
                }
                query
            };
            let count = matching().count().get_result(conn)?;
            let rows: Vec<Row> =
                matching().order(users::id).limit(page.size.into()).offset(page.offset()).load(conn)?;
            Ok(Page { count, results: with_groups(conn, rows)? })
        })
    }

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

    /// Changes a user; `None` when they are not who was read any more: see `lock`.
    pub fn update_user(
        &self,
        read: &User,
        change: &UserChange,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<User>, StoreError> {
        self.change(|conn, changes| {
            let may_take_a_superuser = change.is_active == Some(false) || change.is_superuser == Some(false);
            let superusers = if may_take_a_superuser { lock_superusers(conn)? } else { Vec::new() };
            let Some(user) = lock(conn, read)? else { return Ok(None) };
            changes.push(Change::User(user.id));
            if may_take_a_superuser {
                keep_a_superuser(&superusers, &user)?;
            }
            if change.has_columns() {
                diesel::update(users::table.find(user.id)).set(change).execute(conn)?;
                diesel::update(users::table.find(user.id).filter(users::is_superuser.eq(true)))
                    .set(users::is_staff.eq(true))
                    .execute(conn)?;
            }
            if let Some(names) = &change.groups {
                diesel::delete(user_groups::table.filter(user_groups::user_id.eq(user.id))).execute(conn)?;
                groups::join(conn, user.id, names)?;
            }
            let changed = by_id(conn, user.id)?.ok_or_else(|| StoreError::Failed("a locked user vanished".into()))?;
            let details = difference(&user, &changed);
            if !details.is_empty() {
                audit::record(conn, by, Action::UserUpdate, &user.username, &Value::Object(details), now)?;
            }
            Ok(Some(changed))
        })
    }

    /// Sets a password and revokes the user's login tokens; `false` when they are not who was read any more.
    pub fn set_password(
        &self,
        read: &User,
        hash: &PasswordHash,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change(|conn, changes| {
            let Some(user) = lock(conn, read)? else { return Ok(false) };
            changes.push(Change::User(user.id));
            diesel::update(users::table.find(user.id)).set(users::password.eq(hash.as_str())).execute(conn)?;
            revoke_login_tokens(conn, user.id, by, now)?;
            audit::record(conn, by, Action::UserPassword, &user.username, &json!({}), now)?;
            Ok(true)
        })
    }

    /// Replaces a hash by one of the same password with today's cost; `false` when the password or its hash was
    /// changed meanwhile.
    pub fn rehash_password(&self, user_id: i64, old: &PasswordHash, new: &PasswordHash) -> Result<bool, StoreError> {
        self.write(|conn| {
            let replaced = diesel::update(users::table.find(user_id).filter(users::password.eq(old.as_str())))
                .set(users::password.eq(new.as_str()))
                .execute(conn)?;
            Ok(replaced > 0)
        })
    }

    /// Deletes a user with all of their tokens; `false` when they are not who was read any more.
    pub fn delete_user(&self, read: &User, by: &Actor, now: Timestamp) -> Result<bool, StoreError> {
        self.change(|conn, changes| {
            let superusers = lock_superusers(conn)?;
            let Some(user) = lock(conn, read)? else { return Ok(false) };
            changes.push(Change::User(user.id));
            keep_a_superuser(&superusers, &user)?;
            lock_tokens(conn, user.id)?;
            diesel::delete(users::table.find(user.id)).execute(conn)?;
            audit::record(conn, by, Action::UserDelete, &user.username, &json!({ "id": user.id }), now)?;
            Ok(true)
        })
    }

    /// Whether there is any user.
    pub fn has_users(&self) -> Result<bool, StoreError> {
        self.read(|conn| Ok(users::table.select(users::id).first::<i64>(conn).optional()?.is_some()))
    }
}

impl UserChange {
    fn has_columns(&self) -> bool {
        self.username.is_some()
            || self.email.is_some()
            || self.first_name.is_some()
            || self.last_name.is_some()
            || self.is_active.is_some()
            || self.is_staff.is_some()
            || self.is_superuser.is_some()
    }
}

/// What of a user is new: a change to what was there before is none, and no entry of the audit log.
fn difference(before: &User, after: &User) -> Map<String, Value> {
    let fields = |user: &User| {
        [
            ("username", json!(user.username)),
            ("email", json!(user.email)),
            ("first_name", json!(user.first_name)),
            ("last_name", json!(user.last_name)),
            ("is_active", json!(user.is_active)),
            ("is_staff", json!(user.is_staff)),
            ("is_superuser", json!(user.is_superuser)),
            ("groups", json!(user.groups)),
        ]
    };
    let pairs = fields(after).into_iter().zip(fields(before));
    pairs.filter(|(new, old)| new != old).map(|((name, value), _)| (name.to_owned(), value)).collect()
}

/// Keeps everybody else from changing a user or their tokens until the transaction ends. On SQLite the transaction
/// itself has that effect. `None` when the user is gone, or has other rights than when they were read: whoever asked may
/// have power over the one and not over the other. Another who got their name meanwhile is another.
pub(super) fn lock(conn: &mut Conn, read: &User) -> Result<Option<User>, StoreError> {
    let same = |user: &User| user.is_staff == read.is_staff && user.is_superuser == read.is_superuser;
    Ok(lock_whoever(conn, read.id)?.filter(same))
}

/// As [`lock`], whatever their rights: for users who change their own account.
pub(super) fn lock_whoever(conn: &mut Conn, id: i64) -> Result<Option<User>, StoreError> {
    lock_id(conn, id)?;
    by_id(conn, id)
}

/// As [`lock`], where the next statement asks whether they still are who was read.
pub(super) fn lock_id(conn: &mut Conn, id: i64) -> Result<(), StoreError> {
    if let Conn::Pg(pg) = conn {
        users::table.find(id).select(users::id).for_no_key_update().first::<i64>(pg).optional()?;
    }
    Ok(())
}

fn by_name(conn: &mut Conn, username: &str) -> Result<Option<User>, StoreError> {
    let row: Option<Row> = users::table.filter(users::username.eq(username)).first(conn).optional()?;
    Ok(with_groups(conn, row.into_iter().collect())?.pop())
}

fn by_id(conn: &mut Conn, id: i64) -> Result<Option<User>, StoreError> {
    let row: Option<Row> = users::table.find(id).first(conn).optional()?;
    Ok(with_groups(conn, row.into_iter().collect())?.pop())
}

/// Adds the groups of all rows with one query.
pub(super) fn with_groups(conn: &mut Conn, rows: Vec<Row>) -> Result<Vec<User>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut groups = groups::names_by_user(conn, rows.iter().map(|row| row.0).collect())?;
    Ok(rows.into_iter().map(|row| user(groups.remove(&row.0).unwrap_or_default(), row)).collect())
}

/// A user from their row and the names of their groups.
pub(super) fn user(groups: Vec<String>, row: Row) -> User {
    let (id, username, password, email, first_name, last_name, is_active, is_staff, is_superuser, joined, login) = row;
    User {
        id,
        username,
        email,
        first_name,
        last_name,
        is_active,
        is_staff,
        is_superuser,
        groups,
        date_joined: Timestamp::from_naive(joined),
        last_login: login.map(Timestamp::from_naive),
        password: PasswordHash::from_stored(password),
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

/// The active superusers. All of them are locked, so that two cannot go at the same moment: by id and before any other
/// user, so that two who each take one away cannot wait for each other.
fn lock_superusers(conn: &mut Conn) -> Result<Vec<i64>, StoreError> {
    let supers = users::table.filter(users::is_superuser.eq(true)).filter(users::is_active.eq(true));
    Ok(match conn {
        Conn::Pg(pg) => supers.select(users::id).order(users::id).for_no_key_update().load(pg)?,
        Conn::Sqlite(sqlite) => supers.select(users::id).load(sqlite)?,
    })
}

/// Refuses to take away the last of the active superusers.
fn keep_a_superuser(superusers: &[i64], leaving: &User) -> Result<(), StoreError> {
    let is_one = leaving.is_superuser && leaving.is_active;
    if !is_one || superusers.iter().any(|id| *id != leaving.id) { Ok(()) } else { Err(StoreError::LastSuperuser) }
}

fn like_escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
