//! What users do to their own account: with a login token, and where it matters with their password too.

use super::{AuthenticationFault, Caller, Error, Faults, Holder, Login, LoginRefusal, Service};
use crate::domain::password::Password;
use crate::domain::token::TokenKind;
use crate::domain::user::User;
use crate::store::OwnChange;

impl Holder {
    /// A named token is for services; on jeton itself it changes nothing but that it can end itself.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`] for a named token.
    pub fn require_login(&self) -> Result<(), Error> {
        if self.token.kind() == TokenKind::Login { Ok(()) } else { Err(Error::PermissionDenied) }
    }
}

impl Service {
    /// Checks the holder's password, as a login does, within its limits and with its entry in the audit log, and lets
    /// `change` do the rest; again when the user is not who was checked any more. `None`: a limit is reached.
    ///
    /// # Errors
    /// `wrong` for a wrong password; [`Error::Throttled`], [`Error::Busy`]; [`Error::NotAuthenticated`] when the
    /// holder's token was revoked meanwhile.
    pub(super) async fn confirmed<T>(
        &self,
        holder: &Holder,
        password: Password,
        wrong: Faults,
        via: &str,
        caller: &Caller,
        change: impl AsyncFn(User) -> Result<OwnChange<T>, Error>,
    ) -> Result<Option<T>, Error> {
        let actor = caller.actor.clone();
        let login = Login { username: holder.user.username.clone(), password, address: actor.address };
        let change = async |user: User| {
            // Another may have got their name meanwhile.
            if user.id != holder.user.id {
                return Err(Error::LoginRefused(LoginRefusal::WrongPassword));
            }
            match change(user).await? {
                OwnChange::Done(done) => Ok(Some(Some(done))),
                OwnChange::LimitReached => Ok(Some(None)),
                OwnChange::UserChanged => Ok(None),
                OwnChange::TokenEnded => Err(Error::NotAuthenticated(AuthenticationFault::InvalidToken)),
            }
        };
        let confirmed = self.limited(actor, Some(via), self.with_checked(&login, change)).await;
        confirmed.map_err(|error| match error {
            Error::LoginRefused(_) => Error::Invalid(wrong),
            other => other,
        })
    }
}
