//! Moves the end of a token.

use std::time::Duration;

use crate::service::retry::until_done;
use crate::service::{Error, Staff, Tokens};
use crate::store::{TokenEnd, Updated};

/// Another end of a token, as the time from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewEnd {
    /// When it expires; `None`: never.
    Expiry(Option<Duration>),
    /// When its grace period ends.
    Grace(Duration),
}

impl Tokens {
    /// Moves the end of anybody's live token. With `whose` it must be a token of the user with this name. A token that
    /// has ended does not come back.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such live token, or none with a grace period; [`Error::PermissionDenied`];
    /// [`Error::UserChanging`].
    pub async fn update_token(
        &self,
        id: i64,
        whose: Option<&str>,
        new_end: NewEnd,
        caller: &Staff,
    ) -> Result<(), Error> {
        let updated = until_done(async |_| {
            let owner = self.database.run(move |store| store.token_owner(id)).await?.ok_or(Error::NotFound)?;
            caller.require_power_over(&owner)?;
            if whose.is_some_and(|name| name != owner.username) {
                return Err(Error::NotFound);
            }
            // A use that is written later must not move the end back.
            self.introspection.flush_user_usage(owner.id).await?;
            let (actor, now) = (caller.actor.clone(), self.clock.now());
            let end = match new_end {
                NewEnd::Expiry(span) => TokenEnd::Expiry(span.map(|span| now.after(span))),
                NewEnd::Grace(span) => TokenEnd::Grace(now.after(span)),
            };
            self.database.run(move |store| store.update_token(&owner, id, end, &actor, now)).await
        });
        match updated.await? {
            Updated::Done => Ok(()),
            Updated::NotLive => Err(Error::NotFound),
        }
    }
}
