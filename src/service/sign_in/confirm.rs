//! Confirms changes that users make to their own account: by a login token or a session and, where it matters, by their
//! password.

use crate::domain::password::Password;
use crate::domain::user::{LoginName, User};
use crate::service::{AccountHolder, AuthenticationFault, Error, Faults, Login, LoginRefusal, SignIn};
use crate::store::{Changed, OwnChange};

/// The result of a change that is made after the password was verified.
pub(in crate::service) enum Confirmed<T> {
    /// The change is made.
    Done(T),
    /// It is refused, but not because of the password, so it does not count as a failed login.
    Refused(Error),
    /// The token of the request was revoked meanwhile, or the session has ended.
    TokenEnded,
    /// The user has changed since the check, which is repeated.
    UserChanged,
}

impl<T> From<OwnChange<T>> for Confirmed<T> {
    fn from(change: OwnChange<T>) -> Self {
        match change {
            OwnChange::Done(done) => Self::Done(done),
            OwnChange::LimitReached => Self::Refused(Error::TokenLimit),
            OwnChange::TokenEnded => Self::TokenEnded,
            OwnChange::UserChanged => Self::UserChanged,
        }
    }
}

impl SignIn {
    /// Checks the password of whoever asks as a login does, with the same limits and audit entries, and then runs `change`.
    /// Checks again when the user has changed since.
    ///
    /// # Errors
    /// `wrong` for a wrong password; [`Error::Throttled`], [`Error::Busy`], [`Error::TokenLimit`];
    /// [`Error::NotAuthenticated`] when their token was revoked meanwhile, or their session has ended.
    pub(in crate::service) async fn with_confirmed_password<T>(
        &self,
        asker: &AccountHolder,
        password: Password,
        wrong: Faults,
        via: &str,
        change: impl AsyncFn(User) -> Result<Confirmed<T>, Error>,
    ) -> Result<T, Error> {
        let address = asker.caller().actor.address;
        // The name is the username, whatever names logins take.
        let login = Login { name: LoginName::username(asker.user().username.clone()), password, address };
        let change = async |user: User| {
            // Another user may have this name by now.
            if user.id != asker.user().id {
                return Err(Error::LoginRefused(LoginRefusal::WrongPassword));
            }
            match change(user).await? {
                Confirmed::Done(done) => Ok(Changed::Done(Ok(done))),
                // A value and not an error: the password is right, so no failed login may be counted or recorded.
                Confirmed::Refused(error) => Ok(Changed::Done(Err(error))),
                Confirmed::TokenEnded => Err(Error::NotAuthenticated(AuthenticationFault::InvalidToken)),
                Confirmed::UserChanged => Ok(Changed::UserChanged),
            }
        };
        match self.within_login_limits(&login, Some(via), change).await {
            Ok(done_or_refused) => done_or_refused,
            Err(Error::LoginRefused(_)) => Err(Error::Invalid(wrong)),
            Err(other) => Err(other),
        }
    }
}
