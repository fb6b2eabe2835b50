//! Explains to staff why a token is active or not.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use crate::domain::audit::{Action, Filter};
use crate::domain::page::{MAX_PAGE_SIZE, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::token::{Copied, TokenFacts, TokenForStaff};
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
    /// When it was revoked, expired, or its user was deactivated. Of an active token: when it was replaced by a new one,
    /// and so is in its grace period, which ends at the token's `expires_at`.
    #[schema(required)]
    pub at: Option<Timestamp>,
    /// Who revoked or replaced it, or deactivated its user.
    #[schema(required, example = "admin")]
    pub by: Option<String>,
    /// The token's user.
    #[schema(required, example = "alice")]
    pub username: Option<String>,
    /// The token, as lists show it to staff.
    #[schema(required)]
    pub token: Option<TokenForStaff>,
    /// What the text was, besides a key.
    #[serde(skip)]
    pub text: ExplainedText,
}

/// What the text was that somebody wants to have explained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExplainedText {
    /// A key, or a text with a key in it.
    #[default]
    Key,
    /// A key that is good for nothing as it stands in the text: with blanks or invisible characters in it or beside it.
    MendedKey,
    /// Nothing that has the form of a key.
    NoKey,
    /// Several keys.
    SeveralKeys,
}

/// The reason that is shown for an active token.
const ACTIVE: &str = "active";

impl Explanation {
    /// The word of the reason.
    #[must_use]
    pub fn word(&self) -> &'static str {
        self.reason.map_or(ACTIVE, Reason::as_str)
    }

    /// Whether it was replaced by another one, and is still accepted in its grace period.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.active && self.token.as_ref().is_some_and(|token| token.0.revoked_at.is_some())
    }

    /// Why there is no such token, in words; `None` if there is one. `prefix` is that of new keys.
    #[must_use]
    pub fn why_none(&self, prefix: Option<&str>) -> Option<String> {
        if self.token.is_some() {
            return None;
        }
        Some(match (self.text, self.reason) {
            (ExplainedText::SeveralKeys, _) => "There are two keys in this text, or more. Check one at a time.".into(),
            (ExplainedText::NoKey, Some(Reason::Malformed)) => {
                format!("A part of a key is missing or changed, or it is something else. {}", form_of_keys(prefix))
            }
            (ExplainedText::NoKey, _) => format!("It is not a key of this jeton. {}", form_of_keys(prefix)),
            (ExplainedText::Key | ExplainedText::MendedKey, _) => NO_SUCH_TOKEN.into(),
        })
    }
}

const NO_SUCH_TOKEN: &str = "There is no such token: it was never made here, or it was deleted with its user, or it ended \
    longer ago than JETON_RETENTION.";

/// What keys look like.
fn form_of_keys(prefix: Option<&str>) -> String {
    match prefix {
        None => {
            "A key that was made here has 40 characters, each a digit or a small letter from a to f; a key of Knox \
                 has 64."
                .into()
        }
        Some(prefix) => format!(
            "A key that is made here has {prefix}_ and 48 characters, each a digit or a small letter from a to f; one from \
             before that prefix has 40 of them alone, and a key of Knox 64."
        ),
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
    /// Explains a key, which may stand in a longer text, as people copy it. What is a key as it stands is explained as
    /// that, so a key of any form that was imported is found.
    pub async fn explain(&self, presented: &str, caller: &Staff) -> Result<Explanation, Error> {
        let (status, text) = self.peek_copied(presented).await?;
        let explained = match status {
            TokenStatus::Active((token, user)) => {
                let Ended { at, by } = self.replaced(&token, &user, caller).await?;
                let (username, token) = (Some(user.username), Some(TokenForStaff(token)));
                Explanation { active: true, reason: None, at, by, username, token, text }
            }
            TokenStatus::Inactive(reason, None) => Explanation { reason: Some(reason), text, ..Explanation::default() },
            TokenStatus::Inactive(reason, Some((token, user))) => {
                let Ended { at, by } = self.ended(reason, &token, &user, caller).await?;
                let (reason, username) = (Some(reason), Some(user.username));
                Explanation { active: false, reason, at, by, username, token: Some(TokenForStaff(token)), text }
            }
        };
        Ok(explained)
    }

    /// The status of the text itself, or else of the key in it.
    async fn peek_copied(&self, presented: &str) -> Result<(TokenStatus, ExplainedText), Error> {
        let status = self.introspection.peek(presented).await?;
        if status.found().is_some() {
            return Ok((status, ExplainedText::Key));
        }
        let (key, text) = match Copied::read(presented) {
            Copied::Key { key, was_mended } => {
                (key, if was_mended { ExplainedText::MendedKey } else { ExplainedText::Key })
            }
            Copied::Other(key) => (key, ExplainedText::NoKey),
            Copied::Several => {
                return Ok((TokenStatus::Inactive(Reason::Malformed, None), ExplainedText::SeveralKeys));
            }
        };
        if key == presented {
            return Ok((status, text));
        }
        let status = self.introspection.peek(&key).await?;
        let is_imported = text == ExplainedText::NoKey && status.found().is_some();
        Ok((status, if is_imported { ExplainedText::Key } else { text }))
    }

    /// When a live token was replaced by a new one, and who did it, if it was. The row has the end of its grace period
    /// only, so the time is that of the audit log.
    async fn replaced(&self, token: &TokenFacts, user: &User, caller: &Staff) -> Result<Ended, Error> {
        if token.revoked_at.is_none() {
            return Ok(Ended::default());
        }
        let filter = Filter {
            actor: token.revoked_by.clone(),
            action: Some(Action::TokenRegenerate.as_str().into()),
            target: Some(user.username.clone()),
            since: Some(token.created_at),
            ..Filter::default()
        };
        let entries = self.accounts.list_audit(filter, PageRequest::number(1, MAX_PAGE_SIZE), Some(0), caller).await?;
        // The first one since the token was made. Those after it found it replaced already.
        let mut oldest_first = entries.results.into_iter().rev();
        let entry = oldest_first.find(|entry| {
            let is_about_it = token.name.is_none() || entry.details["all"] == true;
            // Otherwise it is the entry of the token itself, which has replaced another one.
            is_about_it && entry.details["token"] != token.id
        });
        Ok(Ended { at: entry.map(|entry| entry.at), by: token.revoked_by.clone() })
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
