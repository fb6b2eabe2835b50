//! Creates users.

use super::check;
use crate::domain::password::{Password, PasswordHash};
use crate::domain::password_rules::Attributes;
use crate::domain::profile::ProfileField;
use crate::domain::rights::Rights;
use crate::domain::user::{NewUser, User};
use crate::service::messages::USERNAME_TAKEN;
use crate::service::{Accounts, Error, Faults, Staff};
use crate::store::StoreError;

/// The input for a new user, not yet checked.
#[derive(Clone, Debug)]
pub struct UserDraft {
    /// As requested. Without a password the user cannot log in until one is set.
    pub user: NewUser<Option<Password>>,
    /// Faults of fields that could not be parsed; they are reported with the others.
    pub parse_faults: Faults,
}

impl From<NewUser<Option<Password>>> for UserDraft {
    fn from(user: NewUser<Option<Password>>) -> Self {
        Self { user, parse_faults: Faults::default() }
    }
}

impl Accounts {
    /// Creates a user.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all faults by field; [`Error::PermissionDenied`] when flags are granted that the
    /// caller may not grant.
    pub async fn create_user(&self, draft: UserDraft, caller: &Staff) -> Result<User, Error> {
        let UserDraft { user: draft, parse_faults: mut faults } = draft;
        if draft.is_staff || draft.is_superuser {
            caller.require(Rights::Superuser)?;
        }
        let username = if faults.has("username") { None } else { check::username(&draft.username, &mut faults) };
        if let Some(name) = username.clone()
            && self.database.run(move |store| store.has_username(&name, None)).await?
        {
            faults.add("username", USERNAME_TAKEN);
        }
        if let Some(password) = &draft.password
            && !faults.has("password")
        {
            let username = username.as_deref().unwrap_or(&draft.username);
            let attributes = Attributes { username, profile: &draft.profile };
            check::password("password", password, &attributes, &mut faults);
        }
        for field in ProfileField::ALL {
            check::profile(field, draft.profile.get(field), &mut faults);
        }
        for group in &draft.groups {
            check::group("groups", group, &mut faults);
        }
        faults.in_order_of(&check::order());
        let Some(username) = username else { return Err(Error::Invalid(faults)) };
        faults.into_result()?;

        let password = match draft.password {
            Some(password) => self.hasher.hash(password, caller.actor.address).await?,
            None => PasswordHash::unusable(),
        };
        let NewUser { username: _, profile, is_active, is_staff, is_superuser, groups, password: _ } = draft;
        let new = NewUser { username, profile, is_active, is_staff, is_superuser, groups, password };
        let (actor, now) = (caller.actor.clone(), self.clock.now());
        match self.database.run(move |store| store.create_user(&new, &actor, now)).await {
            Err(Error::Store(StoreError::Taken)) => Err(Error::invalid("username", USERNAME_TAKEN)),
            other => other,
        }
    }
}
