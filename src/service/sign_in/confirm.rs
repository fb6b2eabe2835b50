//! What users do to their own account: with a login token, and where it matters with their password too.

use crate::domain::password::Password;
use crate::domain::token::TokenKind;
use crate::domain::user::User;
use crate::service::{AuthenticationFault, Caller, Error, Faults, Holder, Login, LoginRefusal, SignIn};
use crate::store::{Changed, OwnChange};

impl Holder {
    /// A named token is for services; on jeton itself it changes nothing but that it can end itself.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`] for a named token.
    pub fn require_login(&self) -> Result<(), Error> {
        if self.token.kind() == TokenKind::Login { Ok(()) } else { Err(Error::PermissionDenied) }
    }
}

impl SignIn {
    /// Checks the holder's password, as a login does, within its limits and with its entry in the audit log, and lets
    /// `change` do the rest; again when the user is not who was checked any more.
    ///
    /// # Errors
    /// `wrong` for a wrong password; [`Error::Throttled`], [`Error::Busy`], [`Error::TokenLimit`];
    /// [`Error::NotAuthenticated`] when the holder's token was revoked meanwhile.
    pub(in crate::service) async fn confirmed<T>(
        &self,
        holder: &Holder,
        password: Password,
        wrong: Faults,
        via: &str,
        caller: &Caller,
        change: impl AsyncFn(User) -> Result<Changed<OwnChange<T>>, Error>,
    ) -> Result<T, Error> {
        let actor = caller.actor.clone();
        let login = Login { username: holder.user.username.clone(), password, address: actor.address };
        let change = async |user: User| {
            // Another may have got their name meanwhile.
            if user.id != holder.user.id {
                return Err(Error::LoginRefused(LoginRefusal::WrongPassword));
            }
            match change(user).await? {
                Changed::Done(OwnChange::TokenEnded) => Err(ended()),
                changed => Ok(changed),
            }
        };
        match self.limited(actor, Some(via), self.with_checked(&login, change)).await {
            Ok(OwnChange::Done(done)) => Ok(done),
            // No failure of the login, so told here.
            Ok(OwnChange::LimitReached) => Err(Error::TokenLimit),
            Ok(OwnChange::TokenEnded) => Err(ended()),
            Err(Error::LoginRefused(_)) => Err(Error::Invalid(wrong)),
            Err(other) => Err(other),
        }
    }
}

/// The token that they asked with was revoked meanwhile.
fn ended() -> Error {
    Error::NotAuthenticated(AuthenticationFault::InvalidToken)
}
