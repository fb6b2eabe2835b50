//! Users made.

use super::check::{self, TAKEN};
use crate::domain::password::{Password, PasswordHash};
use crate::domain::password_rules::Attributes;
use crate::domain::user::{NewUser, User};
use crate::service::{Caller, Error, Faults, Rights, Service};
use crate::store::StoreError;

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
    /// What was wrong with fields that could not even be read: told together with the rest.
    pub unread: Faults,
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
            unread: Faults::default(),
        }
    }
}

impl Service {
    /// Makes a user.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all faults by field; [`Error::PermissionDenied`] when flags are granted that the
    /// caller may not grant.
    pub async fn create_user(&self, draft: UserDraft, caller: &Caller) -> Result<User, Error> {
        let power = if draft.is_staff || draft.is_superuser { Rights::Superuser } else { Rights::Staff };
        caller.require(power)?;
        let mut faults = draft.unread;
        let username = if faults.on("username") { None } else { check::username(&draft.username, &mut faults) };
        if let Some(name) = username.clone()
            && self.db(move |store| store.user(&name)).await?.is_some()
        {
            faults.add("username", TAKEN);
        }
        if let Some(password) = &draft.password
            && !faults.on("password")
        {
            let attributes = Attributes {
                username: username.as_deref().unwrap_or(&draft.username),
                first_name: &draft.first_name,
                last_name: &draft.last_name,
                email: &draft.email,
            };
            check::password("password", password, &attributes, &mut faults);
        }
        check::email(&draft.email, &mut faults);
        check::name("first_name", &draft.first_name, &mut faults);
        check::name("last_name", &draft.last_name, &mut faults);
        for group in &draft.groups {
            check::group(group, &mut faults);
        }
        faults.in_order_of(&check::FIELDS);
        let Some(username) = username else { return Err(Error::Invalid(faults)) };
        faults.into_result()?;

        let password = match draft.password {
            Some(password) => self.inner.hasher.hash(password, caller.actor.address).await?,
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
}
