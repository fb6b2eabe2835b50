//! From a presented key to a live token and its user, or the reason why it is none.

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use crate::domain::token::{Token, TokenDigest};
use crate::service::introspection::cache::Born;
use crate::service::introspection::lookups::Found;
use crate::service::{Error, Introspect};

/// How often somebody who waits for an answer looks whether there will be one.
const GLANCE: Duration = Duration::from_millis(50);

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
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Malformed, Self::Unknown, Self::Expired, Self::Revoked, Self::UserInactive];

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

/// What a key is good for now.
#[derive(Clone, Debug)]
pub(in crate::service) enum TokenStatus {
    /// It is that of a live token of an active user.
    Active(Found),
    /// It is not, and what there is of it.
    Inactive(Reason, Option<Found>),
}

impl TokenStatus {
    /// The token and its user, if there are such.
    pub fn found(&self) -> Option<&Found> {
        match self {
            Self::Active(found) => Some(found),
            Self::Inactive(_, found) => found.as_ref(),
        }
    }

    /// The same, to be kept.
    pub fn into_found(self) -> Option<Found> {
        match self {
            Self::Active(found) => Some(found),
            Self::Inactive(_, found) => found,
        }
    }
}

impl Introspect {
    /// The digest of a presented key; `None` for text that no key can be.
    pub(in crate::service) fn digest(&self, presented: &str) -> Option<TokenDigest> {
        Token::presented(presented, self.policy.token_prefix.as_deref()).map(|token| token.digest())
    }

    /// Looks a key up for its use: a live token's use is noted.
    pub(in crate::service) async fn lookup(&self, presented: &str) -> Result<Result<Found, Reason>, Error> {
        let Some(digest) = self.digest(presented) else { return Ok(Err(Reason::Malformed)) };
        let (_, status) = self.look_up(digest).await?;
        Ok(match status {
            TokenStatus::Active(found) => Ok(found),
            TokenStatus::Inactive(reason, _) => Err(reason),
        })
    }

    /// Looks a digest up together with whoever else waits, for its use.
    pub(in crate::service) async fn look_up(&self, digest: TokenDigest) -> Result<(Born, TokenStatus), Error> {
        let (born, found) = self.ask(digest).await?;
        Ok((born, self.used(found)))
    }

    /// Looks many digests up for their use, with one statement.
    pub(in crate::service) async fn look_up_all(
        &self,
        digests: Vec<TokenDigest>,
    ) -> Result<(Born, HashMap<TokenDigest, TokenStatus>), Error> {
        let born = self.cache.born();
        if digests.is_empty() {
            return Ok((born, HashMap::new()));
        }
        let wanted = digests.clone();
        let rows = self.database.run(move |store| store.tokens(&wanted)).await?;
        // A token may be asked for twice.
        Ok((born, digests.into_iter().map(|digest| (digest, self.used(rows.get(&digest).cloned()))).collect()))
    }

    /// What a key is good for, to look at only. Asked together with whoever else waits, for
    /// anybody may ask for a revocation, as often as they like.
    pub(in crate::service) async fn find(&self, presented: &str) -> Result<TokenStatus, Error> {
        let Some(digest) = self.digest(presented) else { return Ok(TokenStatus::Inactive(Reason::Malformed, None)) };
        let (_, found) = self.ask(digest).await?;
        Ok(self.judge(found))
    }

    /// The database's answer; no longer waited for once it is known to be down, for a question changes nothing.
    async fn ask(&self, digest: TokenDigest) -> Result<(Born, Option<Found>), Error> {
        self.database.store.check()?;
        let mut answer = pin!(self.database.in_time(self.lookups.get(digest)));
        loop {
            match tokio::time::timeout(GLANCE, &mut answer).await {
                Ok(answer) => return Ok(answer??),
                Err(_) => self.database.store.check()?,
            }
        }
    }

    fn judge(&self, found: Option<Found>) -> TokenStatus {
        let now = self.clock.now();
        let Some((mut token, user)) = found else { return TokenStatus::Inactive(Reason::Unknown, None) };
        self.uses.overlay(&mut token);
        let reason = if token.is_revoked(now) {
            Reason::Revoked
        } else if token.is_expired(now) {
            Reason::Expired
        } else if !user.is_active {
            Reason::UserInactive
        } else {
            return TokenStatus::Active((token, user));
        };
        TokenStatus::Inactive(reason, Some((token, user)))
    }

    /// Judges, and notes the use of a live token; it shows what its use earned it.
    fn used(&self, found: Option<Found>) -> TokenStatus {
        let mut status = self.judge(found);
        if let TokenStatus::Active((token, _)) = &mut status {
            self.uses.note(token, &self.policy, self.clock.now());
            self.uses.overlay(token);
        }
        status
    }
}
