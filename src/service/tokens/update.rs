//! Moves the end of a token.

use std::time::Duration;

use crate::domain::time::Timestamp;
use crate::service::introspection::is_extended_by_use;
use crate::service::retry::until_done;
use crate::service::{Error, Staff, Tokens};
use crate::store::{TokenEnd, Updated};

/// Why the end of a token cannot be moved to a time that the next use would move.
pub const EXTENDED_BY_USE: &str = "Each use of this token moves its expiry (JETON_TOKEN_AUTO_REFRESH), so an earlier one \
                               does not hold. Revoke it, or replace it and give the old key a grace period.";

/// Another end of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewEnd {
    /// When it expires; `None`: never.
    Expiry(Option<EndTime>),
    /// When its grace period ends.
    Grace(EndTime),
    /// The one that lists of tokens show as its end: of its grace period, or else its expiry.
    Shown(Option<EndTime>),
}

/// When a token is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndTime {
    /// This long from now.
    In(Duration),
    /// At this time, which must lie ahead.
    At(Timestamp),
}

impl EndTime {
    fn after(self, now: Timestamp) -> Result<Timestamp, Error> {
        match self {
            Self::In(span) => Ok(now.after(span)),
            Self::At(at) if at > now => Ok(at),
            Self::At(_) => Err(Error::invalid("expires_at", "Enter a time in the future.")),
        }
    }
}

impl Tokens {
    /// Moves the end of anybody's live token. With `whose` it must be a token of the user with this name. A token that
    /// has ended does not come back.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such live token, or none with a grace period; [`Error::PermissionDenied`];
    /// [`Error::UserChanging`]; [`Error::Conflict`] for an end that the next use would move; [`Error::Invalid`] on `expires_at` for a time that has passed, or a replaced token without
    /// an end.
    pub async fn update_token(
        &self,
        id: i64,
        whose: Option<&str>,
        new_end: NewEnd,
        caller: &Staff,
    ) -> Result<(), Error> {
        let updated = until_done(async |_| {
            let owner = self.owner_to_change(id, whose, caller).await?;
            let (actor, now) = (caller.actor.clone(), self.clock.now());
            let end = match new_end {
                NewEnd::Expiry(end) => TokenEnd::Expiry(end.map(|end| end.after(now)).transpose()?),
                NewEnd::Grace(end) => TokenEnd::Grace(end.after(now)?),
                NewEnd::Shown(end) => TokenEnd::Shown(end.map(|end| end.after(now)).transpose()?),
            };
            if let TokenEnd::Expiry(Some(at)) | TokenEnd::Shown(Some(at)) = end {
                let token = self.database.run(move |store| store.token(id)).await?.ok_or(Error::NotFound)?.token;
                if token.grace_until.is_none() && is_extended_by_use(&token, at, &self.policy, now) {
                    return Err(Error::Conflict(EXTENDED_BY_USE.into()));
                }
            }
            self.database.run(move |store| store.update_token(&owner, id, end, &actor, now)).await
        });
        match updated.await? {
            Updated::Done => Ok(()),
            Updated::NotLive => Err(Error::NotFound),
            Updated::NeedsEnd => {
                Err(Error::invalid("expires_at", "This key was replaced by another one, so it must have an end."))
            }
        }
    }
}
