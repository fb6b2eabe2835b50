//! Changes of the database. Nodes that cache answers read them, and so do services that call `/changes`.

use super::token::TokenDigest;

/// A change that may make a cached answer wrong. It contains no names and no whole digest.
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
    /// Anything may have changed: everything that is cached must be discarded.
    Everything,
}

impl Change {
    /// A token with this digest was created.
    #[must_use]
    pub fn created(digest: &TokenDigest) -> Self {
        Self::Created(digest.prefix())
    }
}
