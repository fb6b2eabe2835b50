//! Lists, creates, changes and deletes users, and sets passwords. The rules and messages are Django's.

mod check;
mod create;
mod deactivate_many;
mod own;
mod password_link;
mod update;

use crate::domain::page::{Page, PageRequest};
use crate::domain::password::Password;
use crate::domain::password_rules::Attributes;
use crate::domain::user::{User, UserFilter};
use crate::service::retry::until_done;
use crate::service::{Accounts, ChangeableUser, Error, Faults, Staff};
use crate::store::Changed;
pub(super) use check::group as check_group;
pub use create::UserDraft;
pub use password_link::PasswordLink;
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

    /// The users with these ids who exist.
    pub async fn users_by_id(&self, ids: Vec<i64>, _: &Staff) -> Result<Vec<User>, Error> {
        self.database.run(move |store| store.users_by_id(&ids)).await
    }

    /// Reads a user whom the caller wants to change.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::PermissionDenied`] when the caller may not change them.
    pub async fn user_to_change(&self, username: &str, caller: Staff) -> Result<ChangeableUser, Error> {
        let user = self.user(username, &caller).await?;
        ChangeableUser::new(caller, user)
    }

    /// As [`Accounts::user_to_change`], for a caller who has seen the user with this id under this name.
    ///
    /// # Errors
    /// Also [`Error::Conflict`] when somebody else has the name now, or nobody, because the user was renamed.
    pub async fn seen_user_to_change(&self, username: &str, id: i64, caller: Staff) -> Result<ChangeableUser, Error> {
        match self.user(username, &caller).await {
            Ok(user) if user.id == id => Ok(ChangeableUser::new(caller, user)?.by_id()),
            Ok(_) => Err(Error::user_changed()),
            Err(Error::NotFound) if !self.users_by_id(vec![id], &caller).await?.is_empty() => {
                Err(Error::user_changed())
            }
            Err(error) => Err(error),
        }
    }

    /// A page of the users that match `filter`, and their number. With `count_limit`, counting stops at one more than
    /// that.
    pub async fn list_users(
        &self,
        filter: UserFilter,
        page: PageRequest,
        count_limit: Option<u32>,
        _: &Staff,
    ) -> Result<Page<User>, Error> {
        self.database.run(move |store| store.list_users(&filter, page, count_limit)).await
    }

    /// Deletes a user with all of their tokens.
    ///
    /// # Errors
    /// As [`Accounts::update_user`].
    pub async fn delete_user(&self, target: &ChangeableUser) -> Result<(), Error> {
        self.change_user(target, async |user: User| {
            let (actor, now) = (target.caller().actor.clone(), self.clock.now());
            self.database.run(move |store| store.delete_user(&user, &actor, now)).await
        })
        .await
    }

    /// Sets a password and revokes the user's login tokens.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `password` with all faults; as [`Accounts::user_to_change`], when the user has changed since.
    pub async fn set_password(&self, target: &ChangeableUser, password: Password) -> Result<(), Error> {
        let by = &target.caller().actor;
        self.change_user(target, async |user: User| {
            let attributes = Attributes { username: &user.username, profile: &user.profile };
            let mut faults = Faults::default();
            check::password("password", &password, &attributes, &mut faults);
            faults.into_result()?;
            let hash = self.hasher.hash(password.clone(), by.address).await?;
            let (actor, now) = (by.clone(), self.clock.now());
            self.database.run(move |store| store.set_password(&user, &hash, &actor, now)).await
        })
        .await
    }

    /// Runs `change` with the user as they were read. When `change` reports that they have changed since, reads who has
    /// their name now, and checks again that the caller may change them.
    ///
    /// # Errors
    /// Those of `change`; [`Error::NotFound`], [`Error::PermissionDenied`]; [`Error::Conflict`] when the caller means
    /// another user; [`Error::UserChanging`].
    pub(in crate::service) async fn change_user<T>(
        &self,
        target: &ChangeableUser,
        change: impl AsyncFn(User) -> Result<Changed<T>, Error>,
    ) -> Result<T, Error> {
        until_done(async |attempt| {
            if attempt.is_first {
                return change(target.user().clone()).await;
            }
            let again = self.user_to_change(&target.user().username, target.caller().clone()).await?;
            again.replaces(target)?;
            change(again.user().clone()).await
        })
        .await
    }
}
