//! Confirms changes that users make to their own account: by a login token and, where it matters, by their password.

use crate::domain::password::Password;
use crate::domain::user::User;
use crate::service::{AuthenticationFault, Error, Faults, Login, LoginHolder, LoginRefusal, SignIn};
use crate::store::{Changed, OwnChange};

impl SignIn {
    /// Checks the holder's password as a login does, with the same limits and audit entries, and then runs `change`.
    /// Checks again when the user has changed since.
    ///
    /// # Errors
    /// `wrong` for a wrong password; [`Error::Throttled`], [`Error::Busy`], [`Error::TokenLimit`];
    /// [`Error::NotAuthenticated`] when the holder's token was revoked meanwhile.
    pub(in crate::service) async fn with_confirmed_password<T>(
        &self,
        asking: &LoginHolder,
        password: Password,
        wrong: Faults,
        via: &str,
        change: impl AsyncFn(User) -> Result<Changed<OwnChange<T>>, Error>,
    ) -> Result<T, Error> {
        let (holder, actor) = (asking.holder(), asking.caller().actor.clone());
        let login = Login { username: holder.user.username.clone(), password, address: actor.address };
        let change = async |user: User| {
            // Another user may have this name by now.
            if user.id != holder.user.id {
                return Err(Error::LoginRefused(LoginRefusal::WrongPassword));
            }
            match change(user).await? {
                Changed::Done(OwnChange::TokenEnded) => Err(token_revoked()),
                changed => Ok(changed),
            }
        };
        match self.with_login_limits(actor, Some(via), self.with_checked_password(&login, change)).await {
            Ok(OwnChange::Done(done)) => Ok(done),
            // Checked here, because it does not count as a failed login.
            Ok(OwnChange::LimitReached) => Err(Error::TokenLimit),
            Ok(OwnChange::TokenEnded) => Err(token_revoked()),
            Err(Error::LoginRefused(_)) => Err(Error::Invalid(wrong)),
            Err(other) => Err(other),
        }
    }
}

/// The token of the request was revoked meanwhile.
fn token_revoked() -> Error {
    Error::NotAuthenticated(AuthenticationFault::InvalidToken)
}
