//! Changes users.

use super::check;
use crate::domain::profile::ProfileField;
use crate::domain::rights::Rights;
use crate::domain::user::{User, UserChange};
use crate::service::messages::{EXTERNAL_ID_TAKEN, USERNAME_TAKEN};
use crate::service::{Accounts, ChangeableUser, Error, Faults};
use crate::store::StoreError;

/// The input for a change of a user, not yet checked.
#[derive(Clone, Debug, Default)]
pub struct UserPatch {
    /// As requested.
    pub change: UserChange,
    /// The [`User::edition`] that the caller has seen. If the user has changed since, the change is refused.
    pub edition: Option<String>,
    /// Faults of fields that could not be parsed; they are reported with the others.
    pub parse_faults: Faults,
}

impl From<UserChange> for UserPatch {
    fn from(change: UserChange) -> Self {
        Self { change, ..Self::default() }
    }
}

impl Accounts {
    /// Changes a user. Fields that stay the same are not checked, so that imported values may stay.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all faults by field; [`Error::Conflict`] for the last active superuser and when the user
    /// has another edition than `patch`; [`Error::PermissionDenied`] when flags are granted that the caller may not
    /// grant; as [`Accounts::user_to_change`], when the user has changed since.
    pub async fn update_user(&self, target: &ChangeableUser, patch: UserPatch) -> Result<User, Error> {
        let caller = target.caller();
        self.change_user(target, async |user: User| {
            if patch.change.is_staff == Some(true) || patch.change.is_superuser == Some(true) {
                caller.require(Rights::Superuser)?;
            }
            if patch.edition.as_ref().is_some_and(|edition| *edition != user.edition()) {
                return Err(Error::Conflict(
                    "Somebody changed this user meanwhile: go back, reload the page and try again.".into(),
                ));
            }
            let change = self.checked(&patch, &user).await?;
            let (actor, now) = (caller.actor.clone(), self.clock.now());
            match self.database.run(move |store| store.update_user(&user, &change, &actor, now)).await {
                Err(Error::Store(StoreError::Taken)) => Err(taken(&patch.change)),
                other => other,
            }
        })
        .await
    }

    /// Checks the fields of `patch` that differ from `user`. The store leaves out those that do not differ.
    pub(super) async fn checked(&self, patch: &UserPatch, user: &User) -> Result<UserChange, Error> {
        let mut faults = patch.parse_faults.clone();
        let mut change = patch.change.clone();
        if let Some(wanted) = change.username.take_if(|wanted| *wanted != user.username)
            && !faults.has("username")
        {
            change.username = check::username(&wanted, &mut faults);
            let id = user.id;
            if let Some(name) = change.username.clone().filter(|name| *name != user.username)
                && self.database.run(move |store| store.has_username(&name, Some(id))).await?
            {
                faults.add("username", USERNAME_TAKEN);
            }
        }
        let profile = change.profile.without_unchanged(&user.profile);
        for field in ProfileField::ALL {
            if let Some(text) = profile.get(field) {
                check::profile(field, text, &mut faults);
            }
        }
        for group in change.groups.iter().flatten().filter(|group| !user.groups.contains(group)) {
            check::group("groups", group, &mut faults);
        }
        if let Some(Some(external_id)) = change.external_id.clone().filter(|wanted| *wanted != user.external_id) {
            check::external_id(&external_id, &mut faults);
            let id = user.id;
            if self.database.run(move |store| store.has_external_id(&external_id, id)).await? {
                faults.add("external_id", EXTERNAL_ID_TAKEN);
            }
        }
        faults.in_order_of(&check::order());
        faults.into_result()?;
        Ok(change)
    }
}

/// What somebody else has taken meanwhile.
fn taken(change: &UserChange) -> Error {
    match change.username {
        Some(_) => Error::invalid("username", USERNAME_TAKEN),
        None => Error::invalid("external_id", EXTERNAL_ID_TAKEN),
    }
}
