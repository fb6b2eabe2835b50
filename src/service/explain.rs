//! Why introspection says what it says of a token: for staff.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use super::{Error, Reason, Service, Staff};
use crate::domain::time::Timestamp;
use crate::domain::token::TokenFacts;
use crate::domain::user::User;

/// What became of a token. All but `active` and `reason` are null when there is no such token.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Explanation {
    /// As introspection says.
    pub active: bool,
    /// `active`, or why it is not.
    #[schema(schema_with = words)]
    pub reason: &'static str,
    /// When it was revoked, expired, or its user was deactivated.
    #[schema(required)]
    pub at: Option<Timestamp>,
    /// Who revoked it, or deactivated its user.
    #[schema(required, example = "admin")]
    pub by: Option<String>,
    /// The token's user.
    #[schema(required, example = "alice")]
    pub username: Option<String>,
    /// The token, as lists show it.
    #[schema(required)]
    pub token: Option<TokenFacts>,
}

/// The words of `reason`.
fn words() -> Object {
    let words = std::iter::once("active").chain(Reason::ALL.map(Reason::as_str));
    let text = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words));
    text.description(Some("`active`, or why it is not.")).build()
}

impl Service {
    /// Explains a key.
    pub async fn explain(&self, presented: &str, _: &Staff) -> Result<Explanation, Error> {
        let now = self.clock().now();
        let (reason, found) = self.find(presented).await?;
        let word = reason.map_or("active", Reason::as_str);
        let Some((token, user)) = found else { return Ok(Explanation { reason: word, ..Explanation::default() }) };
        let (at, by) = match reason {
            Some(Reason::Revoked) => (token.revoked_at, token.revoked_by.clone()),
            Some(Reason::Expired) => (token.expires_at.filter(|end| *end <= now), None),
            Some(Reason::UserInactive) => self.deactivation(&user).await?,
            _ => (None, None),
        };
        let username = Some(user.username);
        Ok(Explanation { active: reason.is_none(), reason: word, at, by, username, token: Some(token) })
    }

    async fn deactivation(&self, user: &User) -> Result<(Option<Timestamp>, Option<String>), Error> {
        let username = user.username.clone();
        let entry = self.db(move |store| store.last_deactivation(&username)).await?;
        Ok(entry.map_or((None, None), |entry| (Some(entry.at), Some(entry.actor))))
    }
}
