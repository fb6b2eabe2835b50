//! Users: listed, made, changed, deleted, given a password. Django's rules, in Django's words.

use super::{Caller, Error, Faults, Rights, Service};
use crate::domain::page::{Page, PageRequest};
use crate::domain::password::{Password, PasswordHash};
use crate::domain::password_rules::{self, Attributes};
use crate::domain::user::{NewUser, User, email_fault, new_username};
use crate::store::{StoreError, UserChange};

/// How often a user is read again who changes beside the request again and again.
const MOST_READS: usize = 10;

const TAKEN: &str = "A user with that username already exists.";

/// A user to be made, not yet checked.
#[derive(Clone, Debug)]
pub struct UserDraft {
    /// As asked for.
    pub username: String,
    /// None: the user cannot log in until one is set.
    pub password: Option<Password>,
    /// May be empty.
    pub email: String,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// Whether they may log in.
    pub is_active: bool,
    /// May use the admin API.
    pub is_staff: bool,
    /// Implies staff.
    pub is_superuser: bool,
    /// Names; unknown groups are made.
    pub groups: Vec<String>,
}

impl UserDraft {
    /// An ordinary active user of this name.
    #[must_use]
    pub fn named(username: &str) -> Self {
        Self {
            username: username.to_owned(),
            password: None,
            email: String::new(),
            first_name: String::new(),
            last_name: String::new(),
            is_active: true,
            is_staff: false,
            is_superuser: false,
            groups: Vec::new(),
        }
    }
}

/// What to change of a user; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct UserPatch {
    /// Whether they may log in and their tokens count.
    pub is_active: Option<bool>,
}

impl Service {
    /// One user.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::PermissionDenied`] for anybody but staff.
    pub async fn user(&self, username: &str, caller: &Caller) -> Result<User, Error> {
        caller.require(Rights::Staff)?;
        let name = username.to_owned();
        self.db(move |store| store.user(&name)).await?.ok_or(Error::NotFound)
    }

    /// Users by id; `search` looks for each of its words in names and e-mail addresses.
    pub async fn list_users(&self, search: &str, page: PageRequest, caller: &Caller) -> Result<Page<User>, Error> {
        caller.require(Rights::Staff)?;
        let search = search.to_owned();
        self.db(move |store| store.list_users(&search, page)).await
    }

    /// Makes a user.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all faults by field; [`Error::PermissionDenied`] when flags are granted that the
    /// caller may not grant.
    pub async fn create_user(&self, draft: UserDraft, caller: &Caller) -> Result<User, Error> {
        let power = if draft.is_staff || draft.is_superuser { Rights::Superuser } else { Rights::Staff };
        caller.require(power)?;
        let mut faults = Faults::default();
        let username = check_username(&draft.username, &mut faults);
        if let Ok(name) = &username {
            let name = name.clone();
            if self.db(move |store| store.user(&name)).await?.is_some() {
                faults.add("username", TAKEN);
            }
        }
        if let Some(password) = &draft.password {
            let attributes = Attributes {
                username: &draft.username,
                first_name: &draft.first_name,
                last_name: &draft.last_name,
                email: &draft.email,
            };
            check_password(password, &attributes, &mut faults);
        }
        if !draft.email.is_empty()
            && let Some(fault) = email_fault(&draft.email)
        {
            faults.add("email", fault);
        }
        check_text("first_name", &draft.first_name, &mut faults);
        check_text("last_name", &draft.last_name, &mut faults);
        for group in &draft.groups {
            check_group(group, &mut faults);
        }
        let Ok(username) = username else { return Err(Error::Invalid(faults)) };
        faults.into_result()?;

        let password = match draft.password {
            Some(password) => self.inner.hasher.hash(password).await?,
            None => PasswordHash::unusable(),
        };
        let new = NewUser {
            username,
            email: draft.email,
            first_name: draft.first_name,
            last_name: draft.last_name,
            is_active: draft.is_active,
            is_staff: draft.is_staff || draft.is_superuser,
            is_superuser: draft.is_superuser,
            groups: draft.groups,
            password,
        };
        let (actor, now) = (caller.actor.clone(), self.clock().now());
        match self.db(move |store| store.create_user(&new, &actor, now)).await {
            Err(Error::Store(StoreError::Taken)) => Err(Error::invalid("username", TAKEN)),
            other => other,
        }
    }

    /// Changes a user.
    ///
    /// # Errors
    /// [`Error::Conflict`] for the last active superuser; [`Error::NotFound`], [`Error::PermissionDenied`].
    pub async fn update_user(&self, username: &str, patch: UserPatch, caller: &Caller) -> Result<User, Error> {
        let change = UserChange { is_active: patch.is_active, ..UserChange::default() };
        self.change_user(username, caller, async |user: User| {
            let (change, actor, now) = (change.clone(), caller.actor.clone(), self.clock().now());
            self.db(move |store| store.update_user(&user, &change, &actor, now)).await
        })
        .await
    }

    /// Deletes a user with all of their tokens.
    ///
    /// # Errors
    /// As [`Service::update_user`].
    pub async fn delete_user(&self, username: &str, caller: &Caller) -> Result<(), Error> {
        self.change_user(username, caller, async |user: User| {
            let (actor, now) = (caller.actor.clone(), self.clock().now());
            let deleted = self.db(move |store| store.delete_user(&user, &actor, now)).await?;
            Ok(deleted.then_some(()))
        })
        .await
    }

    /// Sets a password and revokes the user's login tokens.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `password` with all faults; [`Error::NotFound`], [`Error::PermissionDenied`].
    pub async fn set_password(&self, username: &str, password: Password, caller: &Caller) -> Result<(), Error> {
        self.change_user(username, caller, async |user: User| {
            let mut faults = Faults::default();
            let attributes = Attributes {
                username: &user.username,
                first_name: &user.first_name,
                last_name: &user.last_name,
                email: &user.email,
            };
            check_password(&password, &attributes, &mut faults);
            faults.into_result()?;
            let hash = self.inner.hasher.hash(password.clone()).await?;
            let (actor, now) = (caller.actor.clone(), self.clock().now());
            let set = self.db(move |store| store.set_password(&user, &hash, &actor, now)).await?;
            Ok(set.then_some(()))
        })
        .await
    }

    /// Reads a user, sees whether the caller may change them, and lets `change` do it; again when it says that they are
    /// not who was read any more.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::PermissionDenied`], and those of `change`.
    pub(super) async fn change_user<T>(
        &self,
        username: &str,
        caller: &Caller,
        change: impl AsyncFn(User) -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        for _ in 0..MOST_READS {
            let user = self.user(username, caller).await?;
            caller.require_power_over(&user)?;
            if let Some(done) = change(user).await? {
                return Ok(done);
            }
        }
        Err(Error::NotFound)
    }
}

fn check_username(text: &str, faults: &mut Faults) -> Result<String, ()> {
    new_username(text).map_err(|messages| {
        for message in messages {
            faults.add("username", message);
        }
    })
}

fn check_password(password: &Password, user: &Attributes<'_>, faults: &mut Faults) {
    for message in password_rules::faults(password.expose(), user) {
        faults.add("password", message);
    }
}

fn check_text(field: &str, text: &str, faults: &mut Faults) {
    if text.chars().count() > 150 {
        faults.add(field, "Ensure this field has no more than 150 characters.");
    }
    if text.contains('\0') {
        faults.add(field, "Null characters are not allowed.");
    }
}

fn check_group(name: &str, faults: &mut Faults) {
    if name.trim().is_empty() {
        faults.add("groups", "This field may not be blank.");
    }
    check_text("groups", name, faults);
}
