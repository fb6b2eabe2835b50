//! By whom a token was used, in the words that staff read.

use std::fmt;
use std::sync::Arc;

use crate::domain::safe_text::{cut, visible};

/// The longest text that an edge can say, in characters: the ids of a client and of two edges.
const MAX_CHARS: usize = 500;

/// Stands before the edge that has passed a question on.
const VIA: &str = " via ";

/// Whom a token's key was sent to, and so who asked whose it is: the id of a client, or other words. All of these have a
/// blank, which no client id has, so they cannot be mistaken for one.
#[derive(Clone, PartialEq, Eq)]
pub struct UsedBy(Arc<str>);

impl UsedBy {
    /// A client that introspected the token.
    #[must_use]
    pub fn client(client_id: &str) -> Self {
        Self(client_id.into())
    }

    /// A member of staff who introspected it with a token of their own.
    #[must_use]
    pub fn user(username: &str) -> Self {
        Self(format!("user {username}").into())
    }

    /// A gateway that asked by forward-auth, for which it needs no credentials.
    #[must_use]
    pub fn gateway() -> Self {
        Self("a gateway".into())
    }

    /// jeton, whose own API the token's holder called.
    #[must_use]
    pub fn jeton() -> Self {
        Self("jeton itself".into())
    }

    /// As an edge says it. The edge is named as well, because it could say anything.
    #[must_use]
    pub fn reported_by_edge(edge: &Self, text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            edge.clone()
        } else {
            Self(format!("{}{VIA}{edge}", cut(&visible(text), MAX_CHARS)).into())
        }
    }

    /// As it is stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text.into())
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UsedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UsedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_named_beside_what_it_says() {
        let edge = UsedBy::client("edge");
        for (said, text) in [
            ("billing", "billing via edge"),
            (" a gateway ", "a gateway via edge"),
            ("billing via far", "billing via far via edge"),
            ("", "edge"),
            (" ", "edge"),
            ("a\0b", "a\\u{0}b via edge"),
            (&"x".repeat(MAX_CHARS + 1), &format!("{}.. via edge", "x".repeat(MAX_CHARS))),
        ] {
            assert_eq!(UsedBy::reported_by_edge(&edge, said).as_str(), text);
        }
    }
}
