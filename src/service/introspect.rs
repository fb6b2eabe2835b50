//! Whether a token is good, and whose it is (RFC 7662).

use serde::Serialize;

use super::{Error, Reason, Service};
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
#[derive(Clone, Debug, Serialize)]
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
        Self {
            active: true,
            token_type: "Bearer",
            sub: user.id.to_string(),
            username: user.username,
            scope: token.scope,
            iat: token.created_at.epoch_seconds(),
            exp: token.expires_at.map(crate::domain::time::Timestamp::epoch_seconds),
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
        Ok(match self.lookup(presented).await? {
            Ok((token, user)) => {
                Introspection::Active(Box::new(Active::new(token, user, self.policy().issuer.clone())))
            }
            Err(reason) => {
                log::debug!(reason = reason.as_str(); "introspected an inactive token");
                Introspection::Inactive(reason)
            }
        })
    }
}
