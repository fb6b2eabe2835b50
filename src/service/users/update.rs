//! Users changed.

use super::check::{self, TAKEN};
use crate::domain::user::User;
use crate::service::{Error, Faults, Rights, Service, Staff};
use crate::store::{StoreError, UserChange};

/// What to change of a user, not yet checked; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct UserPatch {
    /// The login name.
    pub username: Option<String>,
    /// May be empty.
    pub email: Option<String>,
    /// May be empty.
    pub first_name: Option<String>,
    /// May be empty.
    pub last_name: Option<String>,
    /// Whether they may log in and their tokens count.
    pub is_active: Option<bool>,
    /// May use the admin API. A superuser always is.
    pub is_staff: Option<bool>,
    /// Implies staff.
    pub is_superuser: Option<bool>,
    /// All the groups they are to be in; unknown ones are made.
    pub groups: Option<Vec<String>>,
    /// Which [`User::edition`] is to be changed: who has become another since then is left alone.
    pub edition: Option<String>,
    /// What was wrong with fields that could not even be read: told together with the rest.
    pub unread: Faults,
}

impl Service {
    /// Changes a user. What is as it was is not checked: what an import brought may stay.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all faults by field; [`Error::Conflict`] for the last active superuser
    /// and for a user of another edition;
    /// [`Error::NotFound`]; [`Error::PermissionDenied`], also when flags are granted that the caller may not grant.
    pub async fn update_user(&self, username: &str, patch: UserPatch, caller: &Staff) -> Result<User, Error> {
        self.change_user(username, caller, async |user: User| {
            if patch.is_staff == Some(true) || patch.is_superuser == Some(true) {
                caller.require(Rights::Superuser)?;
            }
            if patch.edition.as_ref().is_some_and(|edition| *edition != user.edition()) {
                return Err(Error::Conflict(
                    "Somebody changed this user meanwhile: go back, reload the page and try again.".into(),
                ));
            }
            let change = self.checked(&patch, &user).await?;
            let (actor, now) = (caller.actor.clone(), self.clock().now());
            match self.db(move |store| store.update_user(&user, &change, &actor, now)).await {
                Err(Error::Store(StoreError::Taken)) => Err(Error::invalid("username", TAKEN)),
                other => other,
            }
        })
        .await
    }

    /// What of `patch` is new to `user`.
    pub(super) async fn checked(&self, patch: &UserPatch, user: &User) -> Result<UserChange, Error> {
        let mut faults = patch.unread.clone();
        let new = |wanted: &Option<String>, known: &str| wanted.clone().filter(|wanted| wanted != known);
        let mut username = None;
        if let Some(wanted) = new(&patch.username, &user.username)
            && !faults.on("username")
        {
            username = check::username(&wanted, &mut faults).filter(|name| *name != user.username);
            if let Some(name) = username.clone()
                && self.db(move |store| store.user(&name)).await?.is_some()
            {
                faults.add("username", TAKEN);
            }
        }
        let email = new(&patch.email, &user.email);
        check::email(email.as_deref().unwrap_or_default(), &mut faults);
        let first_name = new(&patch.first_name, &user.first_name);
        check::name("first_name", first_name.as_deref().unwrap_or_default(), &mut faults);
        let last_name = new(&patch.last_name, &user.last_name);
        check::name("last_name", last_name.as_deref().unwrap_or_default(), &mut faults);
        for group in patch.groups.iter().flatten().filter(|group| !user.groups.contains(group)) {
            check::group(group, &mut faults);
        }
        faults.in_order_of(&check::FIELDS);
        faults.into_result()?;
        let (is_active, is_staff, is_superuser) = (patch.is_active, patch.is_staff, patch.is_superuser);
        let groups = patch.groups.clone();
        Ok(UserChange { username, email, first_name, last_name, is_active, is_staff, is_superuser, groups })
    }
}
