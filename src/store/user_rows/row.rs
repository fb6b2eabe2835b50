//! The columns of `users`, by name: how a row is read, written and changed. All fields are named where a struct is
//! built or destructured, so that a forgotten column does not compile.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::domain::password::PasswordHash;
use crate::domain::profile::{Profile, ProfilePatch};
use crate::domain::time::Timestamp;
use crate::domain::user::{ImportedUser, NewUser, User, UserChange};
use crate::store::schema::users;

/// A row, without the user's groups.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub struct UserRow {
    pub id: i64,
    pub external_id: Option<String>,
    pub username: String,
    pub password: String,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub is_active: bool,
    pub is_staff: bool,
    pub is_superuser: bool,
    pub date_joined: NaiveDateTime,
    pub last_login: Option<NaiveDateTime>,
}

impl UserRow {
    /// The row of a new user.
    pub fn new(id: i64, new: &NewUser, now: Timestamp) -> Self {
        let NewUser { username, profile, is_active, is_staff, is_superuser, groups: _, password } = new.clone();
        let Profile { email, first_name, last_name } = profile;
        Self {
            id,
            external_id: None,
            username,
            password: password.as_str().to_owned(),
            email,
            first_name,
            last_name,
            is_active,
            is_staff,
            is_superuser,
            date_joined: now.naive(),
            last_login: None,
        }
    }

    /// The row of an imported user.
    pub fn imported(user: &ImportedUser) -> Self {
        let ImportedUser { id, external_id, user, date_joined, last_login } = user;
        Self {
            external_id: external_id.clone(),
            last_login: last_login.map(Timestamp::naive),
            ..Self::new(*id, user, *date_joined)
        }
    }

    /// The user, with the names of their groups.
    pub fn user(self, groups: Vec<String>) -> User {
        User {
            id: self.id,
            external_id: self.external_id,
            username: self.username,
            profile: Profile { email: self.email, first_name: self.first_name, last_name: self.last_name },
            is_active: self.is_active,
            is_staff: self.is_staff,
            is_superuser: self.is_superuser,
            groups,
            date_joined: Timestamp::from_naive(self.date_joined),
            last_login: self.last_login.map(Timestamp::from_naive),
            password: PasswordHash::from_stored(self.password),
        }
    }
}

/// The columns that a change sets.
#[derive(Debug, Default, PartialEq, Eq, AsChangeset)]
#[diesel(table_name = users)]
pub struct ChangedColumns<'a> {
    external_id: Option<Option<String>>,
    username: Option<&'a str>,
    email: Option<&'a str>,
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    is_active: Option<bool>,
    is_staff: Option<bool>,
    is_superuser: Option<bool>,
}

impl<'a> ChangedColumns<'a> {
    /// The columns that `change` sets; `None` when it sets none.
    pub fn of(change: &'a UserChange) -> Option<Self> {
        let UserChange { username, profile, is_active, is_staff, is_superuser, groups: _, external_id } = change;
        let ProfilePatch { email, first_name, last_name } = profile;
        let columns = Self {
            external_id: external_id.clone(),
            username: username.as_deref(),
            email: email.as_deref(),
            first_name: first_name.as_deref(),
            last_name: last_name.as_deref(),
            is_active: *is_active,
            is_staff: *is_staff,
            is_superuser: *is_superuser,
        };
        (columns != Self::default()).then_some(columns)
    }
}
