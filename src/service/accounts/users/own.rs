//! Changes that users make to their own account.

use super::check;
use crate::domain::password::Password;
use crate::domain::password_rules::Attributes;
use crate::domain::user::User;
use crate::service::messages::WRONG_OLD_PASSWORD;
use crate::service::retry::until_done;
use crate::service::sign_in::Confirmed;
use crate::service::{AccountHolder, Accounts, AuthenticationFault, Error, Faults, LoginHolder, LoginToken, UserPatch};
use crate::store::NewToken;

impl Accounts {
    /// Sets the holder's password, and replaces all their login tokens by a new one.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `old_password` and `new_password` with all faults; [`Error::Throttled`], [`Error::Busy`];
    /// [`Error::NotAuthenticated`] when the holder's token was revoked meanwhile.
    pub async fn change_own_password(
        &self,
        asker: &LoginHolder,
        old: Password,
        new: Password,
    ) -> Result<LoginToken, Error> {
        self.change_confirmed_password(asker, old, new, async |user_id| {
            let expires_at = self.policy.login_expiry(self.clock.now());
            let (token, row) = self.login_tokens.new_login_token(user_id, expires_at);
            (LoginToken { token, expires_at }, Some(row))
        })
        .await
    }

    /// The same for a user who is signed in at `/account/`: all their login tokens are revoked, and all their sessions
    /// end, also this one.
    ///
    /// # Errors
    /// As [`Accounts::change_own_password`].
    pub async fn change_own_password_signed_in(
        &self,
        asker: &AccountHolder,
        old: Password,
        new: Password,
    ) -> Result<(), Error> {
        self.change_confirmed_password(asker, old, new, async |_| ((), None)).await
    }

    /// Sets the password if the old one is right. `replacement` makes what is returned, and the login token that replaces
    /// the older ones.
    async fn change_confirmed_password<T>(
        &self,
        asker: &AccountHolder,
        old: Password,
        new: Password,
        replacement: impl AsyncFn(i64) -> (T, Option<NewToken>),
    ) -> Result<T, Error> {
        let (user, actor) = (asker.user(), &asker.caller().actor);
        let attributes = Attributes { username: &user.username, profile: &user.profile };
        let mut faults = Faults::default();
        check::password("new_password", &new, &attributes, &mut faults);
        let mut wrong = Faults::default();
        wrong.add("old_password", WRONG_OLD_PASSWORD);
        for message in faults.fields().iter().flat_map(|(_, messages)| messages) {
            wrong.add("new_password", message.as_str());
        }
        let change = async |user: User| {
            // The old password is right, so only the faults of the new one are reported. This does not count as a failed
            // login.
            if !faults.fields().is_empty() {
                return Ok(Confirmed::Refused(Error::Invalid(faults.clone())));
            }
            let hash = self.hasher.hash(new.clone(), actor.address).await?;
            let (made, row) = replacement(user.id).await;
            let (asked_with, actor, now) = (asker.asked_with().clone(), actor.clone(), self.clock.now());
            let changed = self
                .database
                .run(move |store| store.change_own_password(&asked_with, &user, &hash, row.as_ref(), &actor, now))
                .await?;
            Ok(changed.map(|()| made).into())
        };
        let via = asker.via("/me/password", "/account/password");
        self.sign_in.with_confirmed_password(asker, old, wrong, via, change).await
    }

    /// Changes the holder's own account. The caller must make sure that `patch` has only fields that users may change.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all faults by field; [`Error::NotAuthenticated`] when the holder was deleted;
    /// [`Error::UserChanging`].
    pub async fn update_me(&self, asker: &AccountHolder, patch: UserPatch) -> Result<User, Error> {
        until_done(async |_| {
            let id = asker.user().id;
            let user = self.database.run(move |store| store.user_by_id(id)).await?;
            let user = user.ok_or(Error::NotAuthenticated(AuthenticationFault::InvalidToken))?;
            let change = self.checked(&patch, &user).await?;
            let (actor, now) = (asker.caller().actor.clone(), self.clock.now());
            self.database.run(move |store| store.update_user(&user, &change, &actor, now)).await
        })
        .await
    }
}
