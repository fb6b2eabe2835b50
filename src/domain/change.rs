//! Change events: what changed in the database. Every node that caches answers receives them.

use super::token::TokenDigest;

/// A change that may make a cached answer wrong. It contains only ids, because it is sent in database notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A user, their groups, or any of their tokens.
    User(i64),
    /// A token was created. A node may have cached its key as unknown. Holds the first bytes of its digest.
    Created(u64),
    /// Clients were created, rotated or deleted.
    Clients,
    /// Anything may have changed: the whole cache must be cleared.
    Everything,
}

impl Change {
    /// A token with this digest was created.
    #[must_use]
    pub fn created(digest: &TokenDigest) -> Self {
        Self::Created(digest.prefix())
    }
}

/// Parses the payload of a notification: `user 7`, `created 00..ff` (16 hex digits), `clients`, `everything`.
impl std::str::FromStr for Change {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once(' ') {
            None if text == "clients" => Ok(Self::Clients),
            None if text == "everything" => Ok(Self::Everything),
            Some(("user", id)) => id.parse().map(Self::User).map_err(drop),
            Some(("created", prefix)) => u64::from_str_radix(prefix, 16).map(Self::Created).map_err(drop),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads() {
        assert_eq!("user 7".parse(), Ok(Change::User(7)));
        assert_eq!("created ff00000000000001".parse(), Ok(Change::Created(0xff00_0000_0000_0001)));
        assert_eq!("clients".parse(), Ok(Change::Clients));
        assert_eq!("everything".parse(), Ok(Change::Everything));
        for unknown in ["", "user", "user x", "created", "tokens", "user 7 8"] {
            assert_eq!(unknown.parse::<Change>(), Err(()), "{unknown}");
        }
    }
}
