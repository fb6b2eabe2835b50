//! Explains to staff why a token is active or not.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use crate::domain::time::Timestamp;
use crate::domain::token::{TokenFacts, TokenForStaff};
use crate::domain::user::User;
use crate::service::introspection::TokenStatus;
use crate::service::{Error, Reason, Staff, Tokens};

/// Why a token is active or not. All fields but `active` and `reason` are null when there is no such token.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Explanation {
    /// The `active` of introspection.
    pub active: bool,
    /// `active`, or why it is not.
    #[serde(serialize_with = "as_word")]
    #[schema(schema_with = words)]
    pub reason: Option<Reason>,
    /// When it was revoked, expired, or its user was deactivated.
    #[schema(required)]
    pub at: Option<Timestamp>,
    /// Who revoked it, or deactivated its user.
    #[schema(required, example = "admin")]
    pub by: Option<String>,
    /// The token's user.
    #[schema(required, example = "alice")]
    pub username: Option<String>,
    /// The token, as lists show it to staff.
    #[schema(required)]
    pub token: Option<TokenForStaff>,
}

/// The reason that is shown for an active token.
const ACTIVE: &str = "active";

impl Explanation {
    /// The word of the reason.
    #[must_use]
    pub fn word(&self) -> &'static str {
        self.reason.map_or(ACTIVE, Reason::as_str)
    }
}

#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn as_word<S: Serializer>(reason: &Option<Reason>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.map_or(ACTIVE, Reason::as_str))
}

/// The schema of `reason`.
fn words() -> Object {
    let words = std::iter::once(ACTIVE).chain(Reason::ALL.map(Reason::as_str));
    let text = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words));
    text.description(Some("`active`, or why it is not.")).build()
}

impl Tokens {
    /// Explains a key.
    pub async fn explain(&self, presented: &str, caller: &Staff) -> Result<Explanation, Error> {
        match self.introspection.peek(presented).await? {
            TokenStatus::Active((token, user)) => Ok(Explanation {
                active: true,
                username: Some(user.username),
                token: Some(TokenForStaff(token)),
                ..Explanation::default()
            }),
            TokenStatus::Inactive(reason, None) => Ok(Explanation { reason: Some(reason), ..Explanation::default() }),
            TokenStatus::Inactive(reason, Some((token, user))) => {
                let Ended { at, by } = self.ended(reason, &token, &user, caller).await?;
                let (reason, username) = (Some(reason), Some(user.username));
                Ok(Explanation { active: false, reason, at, by, username, token: Some(TokenForStaff(token)) })
            }
        }
    }

    async fn ended(&self, reason: Reason, token: &TokenFacts, user: &User, caller: &Staff) -> Result<Ended, Error> {
        Ok(match reason {
            Reason::Revoked => Ended { at: token.revoked_at, by: token.revoked_by.clone() },
            Reason::Expired => {
                let now = self.clock.now();
                Ended { at: token.expires_at.filter(|end| *end <= now), by: None }
            }
            Reason::UserInactive => {
                let entry = self.accounts.last_deactivation(user, caller).await?;
                entry.map_or_else(Ended::default, |entry| Ended { at: Some(entry.at), by: Some(entry.actor) })
            }
            Reason::Malformed | Reason::Unknown => Ended::default(),
        })
    }
}

/// When a token ended and who ended it, as far as is known.
#[derive(Default)]
struct Ended {
    at: Option<Timestamp>,
    by: Option<String>,
}
