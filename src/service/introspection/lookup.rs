//! Resolves a presented key to a live token and its user, or to the reason why there is none.

use std::collections::HashMap;

use crate::domain::token::{Token, TokenDigest, UsedBy};
use crate::service::cache::ChangeSeq;
use crate::service::introspection::source::TokenAndUser;
use crate::service::{Error, Introspect, Reason};

/// The status of a key.
#[derive(Clone, Debug)]
pub(in crate::service) enum TokenStatus {
    /// A live token of an active user.
    Active(TokenAndUser),
    /// Inactive: the reason, and the token and its user, if there are any.
    Inactive(Reason, Option<TokenAndUser>),
}

impl TokenStatus {
    /// The token and its user, if there are any.
    pub fn found(&self) -> Option<&TokenAndUser> {
        match self {
            Self::Active(found) => Some(found),
            Self::Inactive(_, found) => found.as_ref(),
        }
    }

    /// The same, by value.
    pub fn into_found(self) -> Option<TokenAndUser> {
        match self {
            Self::Active(found) => Some(found),
            Self::Inactive(_, found) => found,
        }
    }
}

impl Introspect {
    /// The digest of a presented key; `None` for text that cannot be a key.
    pub(in crate::service) fn digest(&self, presented: &str) -> Option<TokenDigest> {
        self.key(presented).map(|key| key.digest())
    }

    /// The key itself, which an edge sends on.
    pub(super) fn key(&self, presented: &str) -> Option<Token> {
        Token::parse(presented, self.policy.token_prefix.as_deref())
    }

    /// Resolves a key that is used: the use of a live token is recorded.
    pub(in crate::service) async fn resolve(&self, presented: &str, used_by: &UsedBy) -> Result<TokenStatus, Error> {
        let Some(digest) = self.digest(presented) else { return Ok(TokenStatus::Inactive(Reason::Malformed, None)) };
        let (_, status) = self.resolve_digest(digest, used_by).await?;
        Ok(status)
    }

    /// Resolves a digest, in a batch with other lookups, and records its use.
    pub(in crate::service) async fn resolve_digest(
        &self,
        digest: TokenDigest,
        used_by: &UsedBy,
    ) -> Result<(ChangeSeq, TokenStatus), Error> {
        let (change_seq, found) = self.fetch(digest).await?;
        Ok((change_seq, self.check_and_record_use(found, used_by)))
    }

    /// Resolves many digests, each used by somebody, with one statement, and records their use.
    pub(in crate::service) async fn resolve_batch(
        &self,
        digests: &[(TokenDigest, UsedBy)],
    ) -> Result<(ChangeSeq, HashMap<TokenDigest, TokenStatus>), Error> {
        let change_seq = self.cache.change_seq();
        if digests.is_empty() {
            return Ok((change_seq, HashMap::new()));
        }
        let wanted: Vec<TokenDigest> = digests.iter().map(|(digest, _)| *digest).collect();
        let rows = self.database()?.run(move |store| store.tokens(&wanted)).await?;
        // A token may be asked for twice.
        let status = |(digest, used_by): &(TokenDigest, UsedBy)| {
            (*digest, self.check_and_record_use(rows.get(digest).cloned(), used_by))
        };
        Ok((change_seq, digests.iter().map(status).collect()))
    }

    /// The status of a key, without recording a use. In a batch with other lookups, because anybody may request
    /// revocations, as often as they like.
    pub(in crate::service) async fn peek(&self, presented: &str) -> Result<TokenStatus, Error> {
        let Some(digest) = self.digest(presented) else { return Ok(TokenStatus::Inactive(Reason::Malformed, None)) };
        let (_, found) = self.fetch(digest).await?;
        Ok(self.check_token(found))
    }

    async fn fetch(&self, digest: TokenDigest) -> Result<(ChangeSeq, Option<TokenAndUser>), Error> {
        self.database_source()?.look_up(digest).await
    }

    fn check_token(&self, found: Option<TokenAndUser>) -> TokenStatus {
        let now = self.clock.now();
        let Some((mut token, user)) = found else { return TokenStatus::Inactive(Reason::Unknown, None) };
        self.usage.apply_pending(&mut token);
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

    /// Checks a token, and records its use if it is live. The result has the extended expiry.
    fn check_and_record_use(&self, found: Option<TokenAndUser>, used_by: &UsedBy) -> TokenStatus {
        let mut status = self.check_token(found);
        if let TokenStatus::Active((token, _)) = &mut status {
            self.usage.note(token, used_by, &self.policy, self.clock.now());
            self.usage.apply_pending(token);
        }
        status
    }
}
