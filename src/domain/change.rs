//! Changes of the database. Nodes that cache answers read them, and so do services that call `/changes`.

use std::sync::Arc;

use super::time::Uptime;
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

/// How old answers are, and from which database. An edge caches them only while it reads the changes of that database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsOf {
    /// The answers know of everything that was committed before this moment.
    pub moment: Uptime,
    /// Where the change log was read (`store/change_log/cursor.rs`); `None`: not known, or in several places.
    pub place: Option<Arc<str>>,
}

impl AsOf {
    /// What is true of these answers and of others: the earlier moment, and the place if both have the same.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let place = self.place.filter(|place| other.place.as_ref() == Some(place));
        Self { moment: self.moment.min(other.moment), place }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_two_databases_have_no_place_and_the_older_ones_moment() {
        let of = |nanos, place: Option<&str>| AsOf { moment: Uptime::from_nanos(nanos), place: place.map(Arc::from) };
        assert_eq!(of(1, Some("a")).and(&of(2, Some("a"))), of(1, Some("a")));
        assert_eq!(of(2, Some("a")).and(&of(1, Some("b"))), of(1, None));
        assert_eq!(of(2, None).and(&of(3, Some("b"))), of(2, None));
        assert_eq!(of(2, Some("a")).and(&of(3, None)), of(2, None));
    }
}
