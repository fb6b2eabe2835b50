//! The row of a token, without its digest and its sealed key.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use utoipa::openapi::{Object, ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::used_by::UsedBy;
use crate::domain::time::Timestamp;

/// The two kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Created by a login. Regenerating and setting a password revoke it.
    Login,
    /// An API key with a name. Logins do not change it.
    Named,
}

impl TokenKind {
    /// The word in answers and lists.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Named => "named",
        }
    }

    fn words() -> Object {
        let words = [Self::Login, Self::Named].map(Self::as_str);
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
    }
}

/// What is stored of a token, without its digest or sealed key.
#[derive(Clone, Debug)]
pub struct TokenFacts {
    /// The row's id: `jti` in introspection.
    pub id: i64,
    /// The token's user.
    pub user_id: i64,
    /// `None` for a login token.
    pub name: Option<String>,
    /// Scopes, separated by blanks; may be empty.
    pub scope: String,
    /// The key's first characters.
    pub key_start: String,
    /// When it was created: `iat`.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, as far as this is written already.
    pub last_used_at: Option<Timestamp>,
    /// By whom it was used then.
    pub last_used_by: Option<UsedBy>,
    /// When it was revoked. During a grace period: when that ends. The row stays for a while, so that `explain` can
    /// say what happened to the token.
    pub revoked_at: Option<Timestamp>,
    /// The end of the grace period that `regenerate` gave. If the token was revoked during that period, `revoked_at` has
    /// another time: see [`TokenFacts::is_revoked`].
    pub grace_until: Option<Timestamp>,
    /// Who revoked it, as the audit log names actors.
    pub revoked_by: Option<String>,
    /// The client it is bound to: `client_id` in introspection.
    pub client: Option<String>,
}

impl TokenFacts {
    /// Login or named.
    #[must_use]
    pub const fn kind(&self) -> TokenKind {
        if self.name.is_some() { TokenKind::Named } else { TokenKind::Login }
    }

    /// Whether it is revoked. Revocation is a state: the time is not compared with `revoked_at`, except during a grace
    /// period that was not cut short. A token that had expired before its revocation took effect, and has expired by
    /// `now`, counts as expired and not as revoked.
    #[must_use]
    pub fn is_revoked(&self, now: Timestamp) -> bool {
        let Some(revoked_at) = self.revoked_at else { return false };
        let in_grace = self.grace_until == Some(revoked_at) && now < revoked_at;
        let was_expired = self.is_expired(now) && self.expires_at.is_some_and(|expiry| expiry <= revoked_at);
        !in_grace && !was_expired
    }

    /// Whether it has expired by `now`. At `expires_at` it has.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// When it ends, by its expiry or its revocation, whichever is first: `exp`.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        match (self.expires_at, self.revoked_at) {
            (Some(expires), Some(revoked)) => Some(expires.min(revoked)),
            (one, other) => one.or(other),
        }
    }
}

/// The API's object, in the API's order.
#[derive(Serialize, ToSchema)]
#[schema(description = "A token, without its key.")]
struct Shown<'a> {
    /// `jti` in introspection.
    #[schema(example = 12)]
    id: i64,
    /// Null for a login token.
    #[schema(required, example = "ci")]
    name: Option<&'a str>,
    #[schema(schema_with = TokenKind::words)]
    kind: &'static str,
    /// Separated by blanks; may be empty.
    #[schema(example = "reports:read")]
    scope: &'a str,
    created_at: Timestamp,
    /// Null for never.
    #[schema(required)]
    expires_at: Option<Timestamp>,
    /// Null for never.
    #[schema(required)]
    last_used_at: Option<Timestamp>,
}

impl Serialize for TokenFacts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = Shown {
            id: self.id,
            name: self.name.as_deref(),
            kind: self.kind().as_str(),
            scope: &self.scope,
            created_at: self.created_at,
            expires_at: self.ends_at(),
            last_used_at: self.last_used_at,
        };
        shown.serialize(serializer)
    }
}

impl PartialSchema for TokenFacts {
    fn schema() -> RefOr<Schema> {
        Shown::schema()
    }
}

impl ToSchema for TokenFacts {
    fn name() -> Cow<'static, str> {
        "Token".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Shown::schemas(schemas);
    }
}

/// A token of a list, and whose it is.
#[derive(Clone, Debug)]
pub struct ListedToken {
    /// The token.
    pub token: TokenFacts,
    /// Its user's name.
    pub username: String,
    /// Whether its user is active. If not, it is not accepted.
    pub is_user_active: bool,
}

/// A token that was looked for, live or not, and whose it is.
#[derive(Clone, Debug)]
pub struct FoundToken {
    /// The token.
    pub token: TokenFacts,
    /// Its user's name.
    pub username: String,
    /// Whether its user is active.
    pub is_user_active: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_is_a_state_and_only_a_grace_asks_a_clock() {
        let at = |second: i64| Timestamp::from_micros(second * 1_000_000);
        let token = |expires_at: Option<i64>, revoked_at: Option<i64>, grace_until: Option<i64>| TokenFacts {
            id: 1,
            user_id: 1,
            name: None,
            scope: String::new(),
            key_start: String::new(),
            created_at: at(0),
            expires_at: expires_at.map(at),
            last_used_at: None,
            last_used_by: None,
            revoked_at: revoked_at.map(at),
            grace_until: grace_until.map(at),
            revoked_by: None,
            client: None,
        };
        let revoked = |token: TokenFacts| [1, 9, 10, 11, 99].map(|now| token.is_revoked(at(now)));
        assert_eq!(revoked(token(None, None, None)), [false; 5]);
        assert_eq!(revoked(token(None, Some(10), None)), [true; 5], "by a clock that is behind, too");
        assert_eq!(revoked(token(None, Some(10), Some(50))), [true; 5], "a grace that was cut short");
        assert_eq!(revoked(token(None, Some(10), Some(5))), [true; 5]);
        assert_eq!(revoked(token(None, Some(10), Some(10))), [false, false, true, true, true], "a grace");
        assert_eq!(revoked(token(None, None, Some(10))), [false; 5], "a revocation that was taken back by hand");
        for grace in [None, Some(10)] {
            let token = token(Some(10), Some(10), grace);
            assert!([10, 11, 99].into_iter().all(|now| token.is_expired(at(now)) && !token.is_revoked(at(now))));
        }
        // The token had expired when it was revoked. By a clock that is behind, it must not be live.
        assert_eq!(revoked(token(Some(10), Some(50), None)), [true, true, false, false, false]);
    }
}
