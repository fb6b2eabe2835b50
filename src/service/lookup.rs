//! From a presented key to a live token and its user, or the reason why it is none.

use super::{Error, Service};
use crate::domain::token::{Token, TokenFacts};
use crate::domain::user::User;

/// Why a token is inactive. Goes to the log and to `explain`, never to an introspecting client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Text that no key can be.
    Malformed,
    /// No such token, or none any more.
    Unknown,
    /// Its time is over.
    Expired,
    /// Somebody revoked it.
    Revoked,
    /// Its user is inactive.
    UserInactive,
}

impl Reason {
    /// The word in logs, metrics and `explain`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::UserInactive => "user_inactive",
        }
    }
}

impl Service {
    /// Looks a key up.
    pub(super) async fn lookup(&self, presented: &str) -> Result<Result<(TokenFacts, User), Reason>, Error> {
        let Some(token) = Token::presented(presented) else { return Ok(Err(Reason::Malformed)) };
        let digest = token.digest();
        let Some((facts, user)) = self.db(move |store| store.token(&digest)).await? else {
            return Ok(Err(Reason::Unknown));
        };
        Ok(if facts.revoked_at.is_some() {
            Err(Reason::Revoked)
        } else if !facts.is_live(self.clock().now()) {
            Err(Reason::Expired)
        } else if !user.is_active {
            Err(Reason::UserInactive)
        } else {
            Ok((facts, user))
        })
    }
}
