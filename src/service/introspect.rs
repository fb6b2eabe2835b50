//! Whether a token is good, and whose it is (RFC 7662).

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{Error, Reason, Service};
use crate::domain::time::Timestamp;
use crate::domain::token::TokenFacts;
use crate::domain::user::User;

/// What introspection found.
#[derive(Clone, Debug)]
pub enum Introspection {
    /// A live token of an active user.
    Active(Box<Active>),
    /// Anything else; the caller is not told which.
    Inactive(Reason),
}

/// The answer for an active token, its members in the contract's order (RFC 7662 section 2.2, and ours).
#[derive(Clone, Debug, serde::Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are RFC 7662's")]
pub struct Active {
    active: bool,
    token_type: &'static str,
    sub: String,
    username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    user_id: i64,
    email: String,
    is_staff: bool,
    is_superuser: bool,
    groups: Vec<String>,
}

impl Active {
    fn new(token: TokenFacts, user: User, issuer: Option<String>) -> Self {
        let exp = token.ends_at().map(Timestamp::epoch_seconds);
        Self {
            active: true,
            token_type: "Bearer",
            sub: user.id.to_string(),
            username: user.username,
            scope: token.scope,
            iat: token.created_at.epoch_seconds(),
            exp,
            jti: token.id.to_string(),
            iss: issuer,
            client_id: token.client,
            user_id: user.id,
            email: user.email,
            is_staff: user.is_staff,
            is_superuser: user.is_superuser,
            groups: user.groups,
        }
    }
}

impl Service {
    /// Introspects one token. The caller has been authenticated.
    pub async fn introspect(&self, presented: &str) -> Result<Introspection, Error> {
        let found = self.lookup(presented).await?;
        Ok(self.introspection(found))
    }

    /// Introspects many tokens with one query; answers in the order asked.
    pub async fn introspect_batch(&self, presented: &[String]) -> Result<Vec<Introspection>, Error> {
        let found = self.lookup_all(presented).await?;
        Ok(found.into_iter().map(|found| self.introspection(found)).collect())
    }

    fn introspection(&self, found: Result<(TokenFacts, User), Reason>) -> Introspection {
        match found {
            Ok((token, user)) => {
                Introspection::Active(Box::new(Active::new(token, user, self.policy().issuer.clone())))
            }
            Err(reason) => {
                log::debug!(reason = reason.as_str(); "introspected an inactive token");
                Introspection::Inactive(reason)
            }
        }
    }
}

/// An active answer, or exactly `{"active": false}`.
impl Serialize for Introspection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Active(active) => active.serialize(serializer),
            Self::Inactive(_) => {
                let mut inactive = serializer.serialize_struct("Inactive", 1)?;
                inactive.serialize_field("active", &false)?;
                inactive.end()
            }
        }
    }
}
