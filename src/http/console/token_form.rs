//! A user's tokens, as their page lists them, and the form for a new one.

use std::time::Duration;

use super::form::{Form, FormFaults};
use super::widgets::{Field, Moment, MomentOr, moment_or, token_link, user_link};
use crate::domain::duration;
use crate::domain::time::Timestamp;
use crate::domain::token::{FoundToken, TokenFacts};
use crate::service::Error;

/// A row of the list.
pub struct TokenRow {
    pub id: i64,
    pub name: String,
    pub is_named: bool,
    pub key_start: String,
    pub scope: String,
    pub created: Moment,
    pub used: MomentOr,
    /// By whom it was used then; empty if that is not known.
    pub used_by: String,
    pub ends: MomentOr,
    /// Whether it was replaced, and only lives on for a grace period.
    pub is_replaced: bool,
    /// The client that it is bound to.
    pub client: Option<String>,
}

/// A token that a search has found, and whether it is accepted.
pub struct FoundRow {
    pub token: TokenRow,
    pub username: String,
    pub link: String,
    pub user_link: String,
    pub is_accepted: bool,
    /// The state in a word or two.
    pub state: &'static str,
    /// How the token ended, if it has.
    pub ended: Option<EndedRow>,
}

impl FoundRow {
    /// The row of a token, as it is at `now`.
    pub fn of(found: FoundToken, now: Timestamp) -> Self {
        let FoundToken { token, username, is_user_active } = found;
        let has_ended = token.is_revoked(now) || token.is_expired(now);
        let ended = has_ended.then(|| EndedRow::of(token.clone(), now));
        let state = match &ended {
            Some(ended) => ended.word,
            None if !is_user_active => "user inactive",
            None if token.revoked_at.is_some() => "accepted until its grace period ends",
            None => "accepted",
        };
        Self {
            link: token_link(&username, token.id),
            user_link: user_link(&username),
            is_accepted: !has_ended && is_user_active,
            state,
            ended,
            token: TokenRow::of(token),
            username,
        }
    }
}

/// A row of the list of tokens that have ended.
pub struct EndedRow {
    pub token: TokenRow,
    /// How it ended.
    pub word: &'static str,
    pub at: MomentOr,
    /// Who ended it; empty if that is not known.
    pub by: String,
}

impl EndedRow {
    /// The row of a token that has ended by `now`.
    pub fn of(token: TokenFacts, now: Timestamp) -> Self {
        let is_revoked = token.is_revoked(now);
        let (word, at) = if is_revoked { ("revoked", token.revoked_at) } else { ("expired", token.expires_at) };
        let by = token.revoked_by.clone().filter(|_| is_revoked).unwrap_or_default();
        Self { word, at: moment_or(at, "unknown"), by, token: TokenRow::of(token) }
    }
}

impl TokenRow {
    /// The row of a token.
    pub fn of(token: TokenFacts) -> Self {
        let ends = token.ends_at();
        Self {
            id: token.id,
            is_named: token.name.is_some(),
            name: token.name.unwrap_or_else(|| "Login token".into()),
            key_start: token.key_start,
            client: token.client,
            scope: token.scope,
            created: Moment(token.created_at),
            used: moment_or(token.last_used_at, "never"),
            used_by: token.last_used_by.map(|used_by| used_by.to_string()).unwrap_or_default(),
            ends: moment_or(ends, "never"),
            is_replaced: token.revoked_at.is_some(),
        }
    }
}

/// The form for a named token.
#[derive(Default)]
pub struct TokenForm {
    pub name: String,
    pub scope: String,
    pub expires_in: String,
}

impl TokenForm {
    /// As submitted.
    pub fn of(form: &Form) -> Self {
        Self { name: form.text("name"), scope: form.text("scope"), expires_in: form.text("expires_in") }
    }

    /// The form's fields.
    pub fn fields(&self, faults: &FormFaults) -> Vec<Field> {
        vec![
            Field::text("name", "Name", &self.name).required().hint("What it is for").with(faults),
            Field::text("scope", "Scope", &self.scope)
                .hint("Separated by spaces; may be empty. With jeton:admin the token has its user's rights on jeton")
                .with(faults),
            Field::text("expires_in", "Expires in", &self.expires_in)
                .hint("Such as 12h or 90d; empty: never")
                .with(faults),
        ]
    }

    /// The token's lifetime.
    pub fn lifetime(&self) -> Result<Option<Duration>, Error> {
        if self.expires_in.is_empty() { Ok(None) } else { lifetime(&self.expires_in).map(Some) }
    }
}

/// How long a token is to live, by the field `expires_in`.
pub fn lifetime(text: &str) -> Result<Duration, Error> {
    duration::lifetime(text).map_err(|fault| {
        let message = match fault.as_str() {
            duration::TOO_LONG => "Enter at most 36500d, which is a hundred years.",
            _ => "Enter whole seconds, or a duration such as 12h or 90d.",
        };
        Error::invalid("expires_in", message)
    })
}
