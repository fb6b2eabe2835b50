//! A user's tokens, as their page lists them, and the form for a new one.

use std::time::Duration;

use super::form::{Form, FormFaults};
use super::widgets::{Field, Moment, MomentOr, moment_or};
use crate::domain::duration;
use crate::domain::token::TokenFacts;
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
    pub ends: MomentOr,
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
            scope: token.scope,
            created: Moment(token.created_at),
            used: moment_or(token.last_used_at, "never"),
            ends: moment_or(ends, "never"),
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
        if self.expires_in.is_empty() {
            return Ok(None);
        }
        let span = duration::lifetime(&self.expires_in)
            .map_err(|_| Error::invalid("expires_in", "Enter whole seconds, or a duration such as 12h or 90d."))?;
        Ok(Some(span))
    }
}
