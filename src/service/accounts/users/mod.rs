//! Lists, creates, changes and deletes users, and sets passwords. The rules and messages are Django's.

mod check;
mod create;
mod deactivate_many;
mod own;
mod update;

use crate::domain::page::{Page, PageRequest};
use crate::domain::password::Password;
use crate::domain::password_rules::Attributes;
use crate::domain::user::{User, UserFilter};
use crate::service::retry::until_done;
use crate::service::{Accounts, Error, Faults, Staff};
use crate::store::Changed;
pub use create::UserDraft;
pub use update::UserPatch;

impl Accounts {
    /// One user.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn user(&self, username: &str, _: &Staff) -> Result<User, Error> {
        let name = username.to_owned();
        self.database.run(move |store| store.user(&name)).await?.ok_or(Error::NotFound)
    }

    /// Checks that the caller may change this user, before anything else about the request is reported.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::PermissionDenied`].
    pub async fn require_power_over(&self, username: &str, caller: &Staff) -> Result<(), Error> {
        caller.require_power_over(&self.user(username, caller).await?)
    }

    /// A page of the users that match `filter`.
    pub async fn list_users(&self, filter: UserFilter, page: PageRequest, _: &Staff) -> Result<Page<User>, Error> {
        self.database.run(move |store| store.list_users(&filter, page)).await
    }

    /// Deletes a user with all of their tokens.
    ///
    /// # Errors
    /// As [`Accounts::update_user`].
    pub async fn delete_user(&self, username: &str, caller: &Staff) -> Result<(), Error> {
        self.change_user(username, caller, async |user: User| {
            let (actor, now) = (caller.actor.clone(), self.clock.now());
            self.database.run(move |store| store.delete_user(&user, &actor, now)).await
        })
        .await
    }

    /// Sets a password and revokes the user's login tokens.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `password` with all faults; [`Error::NotFound`], [`Error::PermissionDenied`].
    pub async fn set_password(&self, username: &str, password: Password, caller: &Staff) -> Result<(), Error> {
        self.change_user(username, caller, async |user: User| {
            let attributes = Attributes { username: &user.username, profile: &user.profile };
            let mut faults = Faults::default();
            check::password("password", &password, &attributes, &mut faults);
            faults.into_result()?;
            let hash = self.sign_in.hasher.hash(password.clone(), caller.actor.address).await?;
            let (actor, now) = (caller.actor.clone(), self.clock.now());
            self.database.run(move |store| store.set_password(&user, &hash, &actor, now)).await
        })
        .await
    }

    /// Reads a user, checks that the caller may change them, and runs `change`. Reads again when `change` reports that
    /// the user has changed since.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::PermissionDenied`], those of `change`; [`Error::UserChanging`].
    pub(in crate::service) async fn change_user<T>(
        &self,
        username: &str,
        caller: &Staff,
        change: impl AsyncFn(User) -> Result<Changed<T>, Error>,
    ) -> Result<T, Error> {
        until_done(async |_| {
            let user = self.user(username, caller).await?;
            caller.require_power_over(&user)?;
            change(user).await
        })
        .await
    }
}
