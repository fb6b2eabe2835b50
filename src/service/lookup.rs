//! From a presented key to a live token and its user, or the reason why it is none.

use std::collections::HashMap;

use super::{Error, Service};
use crate::domain::token::{Token, TokenDigest, TokenFacts};
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

/// A token and its user, dead or alive.
pub(super) type Found = (TokenFacts, User);

impl Service {
    /// Looks a key up for its use: a live token's use is noted.
    pub(super) async fn lookup(&self, presented: &str) -> Result<Result<Found, Reason>, Error> {
        let (reason, found) = self.find(presented).await?;
        Ok(self.used(reason, found))
    }

    /// Looks many keys up for their use, with one query.
    pub(super) async fn lookup_all(&self, presented: &[String]) -> Result<Vec<Result<Found, Reason>>, Error> {
        let found = self.find_all(presented).await?;
        Ok(found.into_iter().map(|(reason, found)| self.used(reason, found)).collect())
    }

    /// What there is of a key, and why it is not active; to look at only.
    pub(super) async fn find(&self, presented: &str) -> Result<(Option<Reason>, Option<Found>), Error> {
        let mut found = self.find_all(&[presented.to_owned()]).await?;
        Ok(found.pop().unwrap_or((Some(Reason::Unknown), None)))
    }

    async fn find_all(&self, presented: &[String]) -> Result<Vec<(Option<Reason>, Option<Found>)>, Error> {
        let prefix = self.policy().token_prefix.as_deref();
        let digests: Vec<Option<TokenDigest>> =
            presented.iter().map(|text| Token::presented(text, prefix).map(|token| token.digest())).collect();
        let wanted: Vec<TokenDigest> = digests.iter().copied().flatten().collect();
        let rows = if wanted.is_empty() { HashMap::new() } else { self.db(move |store| store.tokens(&wanted)).await? };
        let now = self.clock().now();
        let judge = |digest: Option<TokenDigest>| {
            let Some(digest) = digest else { return (Some(Reason::Malformed), None) };
            let Some((mut token, user)) = rows.get(&digest).cloned() else { return (Some(Reason::Unknown), None) };
            self.inner.uses.overlay(&mut token);
            let reason = if token.is_revoked(now) {
                Some(Reason::Revoked)
            } else if token.is_expired(now) {
                Some(Reason::Expired)
            } else if !user.is_active {
                Some(Reason::UserInactive)
            } else {
                None
            };
            (reason, Some((token, user)))
        };
        Ok(digests.into_iter().map(judge).collect())
    }

    fn used(&self, reason: Option<Reason>, found: Option<Found>) -> Result<Found, Reason> {
        match (reason, found) {
            (None, Some((token, user))) => {
                self.inner.uses.note(&token, self.policy(), self.clock().now());
                Ok((token, user))
            }
            (reason, _) => Err(reason.unwrap_or(Reason::Unknown)),
        }
    }
}
