//! The keys that a browser has: of a session, of a link.

use std::fmt;
use std::marker::PhantomData;

use super::digest::digest;
use super::random;

/// 256 random bits, in clear. Never stored, never logged. `Of` says what the key opens, so that a key of one kind is not
/// taken for a key of another.
#[derive(Clone)]
pub struct RandomKey<Of>([u8; 32], PhantomData<Of>);

impl<Of> RandomKey<Of> {
    /// A new random key.
    #[must_use]
    pub fn generate() -> Self {
        Self(random::bytes(), PhantomData)
    }

    /// From 64 hex digits, as the browser has them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut key = [0; 32];
        hex::decode_to_slice(text, &mut key).ok()?;
        Some(Self(key, PhantomData))
    }

    /// As 64 hex digits, for the browser.
    #[must_use]
    pub fn expose(&self) -> String {
        hex::encode(self.0)
    }

    /// The digest that is stored, and by which what the key opens is found.
    #[must_use]
    pub fn digest(&self) -> KeyDigest<Of> {
        KeyDigest(digest(&[&self.0]), PhantomData)
    }

    /// Bytes for another purpose, from which neither the key nor its digest can be found.
    pub(super) fn derived(&self, purpose: &[u8]) -> [u8; 32] {
        digest(&[purpose, &self.0])
    }
}

impl<Of> fmt::Debug for RandomKey<Of> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RandomKey(hidden)")
    }
}

/// The digest of a random key.
#[derive(Clone, Copy)]
pub struct KeyDigest<Of>([u8; 32], PhantomData<Of>);

impl<Of> KeyDigest<Of> {
    /// For the database.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl<Of> fmt::Debug for KeyDigest<Of> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Key = RandomKey<()>;

    #[test]
    fn a_key_can_be_parsed_from_its_text_and_nothing_else_can() {
        let key = Key::generate();
        assert_eq!(Key::parse(&key.expose()).unwrap().0, key.0);
        for wrong in ["", "00", &"g".repeat(64), &"0".repeat(63), &"0".repeat(66)] {
            assert!(Key::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_is_stored_or_logged_opens_nothing() {
        let key = Key::generate();
        assert_ne!(hex::encode(key.digest().0), key.expose());
        assert!(!format!("{key:?} {:?}", key.digest()).contains(&key.expose()));
    }

    #[test]
    fn the_digest_is_sha512_cut_to_32_bytes() {
        // sha512 of 32 zeros
        let digest = Key::parse(&"0".repeat(64)).unwrap().digest();
        assert_eq!(hex::encode(digest.as_bytes()), "5046adc1dba838867b2bbbfdd0c3423e58b57970b5267a90f57960924a87f196");
    }
}
