//! Links with which users set a password: the key in the link, its stored digest, and how long a link is good.

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha512};

use super::random;

/// How long a link is good, if nothing else is said.
pub const DEFAULT_LIFETIME: Duration = Duration::from_hours(1);
/// How long a link may be good.
pub const MAX_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// The key in a link: 256 random bits. Never stored, never logged.
#[derive(Clone)]
pub struct LinkKey([u8; 32]);

impl LinkKey {
    /// A new random key.
    #[must_use]
    pub fn generate() -> Self {
        Self(random::bytes())
    }

    /// From 64 hex digits, as the link has them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut key = [0; 32];
        hex::decode_to_slice(text, &mut key).ok()?;
        Some(Self(key))
    }

    /// As 64 hex digits, for the link.
    #[must_use]
    pub fn expose(&self) -> String {
        hex::encode(self.0)
    }

    /// The digest that is stored, and by which the link is found.
    #[must_use]
    pub fn digest(&self) -> LinkDigest {
        let whole = Sha512::digest(self.0);
        let mut first = [0; 32];
        first.copy_from_slice(&whole[..32]);
        LinkDigest(first)
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(hidden)")
    }
}

/// The first 32 bytes of SHA-512 of a link's key: a fast hash is enough for 256 random bits.
#[derive(Clone, Copy)]
pub struct LinkDigest([u8; 32]);

impl LinkDigest {
    /// For the database.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for LinkDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkDigest(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_can_be_parsed_from_its_link_and_nothing_else_can() {
        let key = LinkKey::generate();
        assert_eq!(LinkKey::parse(&key.expose()).unwrap().digest().0, key.digest().0);
        assert_ne!(hex::encode(key.digest().0), key.expose(), "a copy of the database opens no link");
        for wrong in ["", "00", &"g".repeat(64), &"0".repeat(63), &"0".repeat(66)] {
            assert!(LinkKey::parse(wrong).is_none(), "{wrong}");
        }
        assert!(!format!("{key:?} {:?}", key.digest()).contains(&key.expose()));
    }
}
