//! What changed in the database. Every node that caches answers reads it, and every service that asks `/changes`.

use super::token::TokenDigest;

/// A change that may make a remembered answer wrong. It contains only ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A user, or their groups.
    User(i64),
    /// A token.
    Token(i64),
    /// A token was created. A node may have cached its key as unknown. Holds the first bytes of its digest.
    Created(u64),
    /// A client was created, rotated or deleted. Holds its client id.
    Client(String),
    /// Anything may have changed: everything that is remembered must be forgotten.
    Everything,
}

impl Change {
    /// A token with this digest was created.
    #[must_use]
    pub fn created(digest: &TokenDigest) -> Self {
        Self::Created(digest.prefix())
    }
}
