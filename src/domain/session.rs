//! Sessions of the console: what the browser holds, what is stored of it, and how long they last.

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

use super::random;

/// A session that is not used for so long is over.
pub const SESSION_IDLE: Duration = Duration::from_mins(30);
/// So is one this old, however much it is used.
pub const SESSION_MAX: Duration = Duration::from_hours(12);

/// What the cookie holds: 256 random bits. Never stored, never logged.
#[derive(Clone)]
pub struct SessionKey([u8; 32]);

impl SessionKey {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        Self(random::bytes())
    }

    /// From 64 hex digits, as the cookie has them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut key = [0; 32];
        hex::decode_to_slice(text, &mut key).ok()?;
        Some(Self(key))
    }

    /// As 64 hex digits, for the cookie.
    #[must_use]
    pub fn expose(&self) -> String {
        hex::encode(self.0)
    }

    /// What is stored of it, and what it is found by.
    #[must_use]
    pub fn digest(&self) -> SessionDigest {
        SessionDigest(self.derived(b""))
    }

    /// What each form of a page must send back: another site can neither read it nor make it.
    #[must_use]
    pub fn form_token(&self) -> String {
        hex::encode(self.derived(b"jeton/form/v1"))
    }

    /// Whether a form is of a page that was made for this session; takes the same time whatever it sent.
    #[must_use]
    pub fn made(&self, form_token: &str) -> bool {
        self.form_token().as_bytes().ct_eq(form_token.as_bytes()).into()
    }

    fn derived(&self, purpose: &[u8]) -> [u8; 32] {
        let whole = Sha512::new().chain_update(purpose).chain_update(self.0).finalize();
        let mut first = [0; 32];
        first.copy_from_slice(&whole[..32]);
        first
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(hidden)")
    }
}

/// The first 32 bytes of SHA-512 of a session's key: a fast hash is enough for 256 random bits.
#[derive(Clone, Copy)]
pub struct SessionDigest([u8; 32]);

impl SessionDigest {
    /// For the database.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SessionDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionDigest(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_belongs_to_its_session() {
        let (ours, others) = (SessionKey::generate(), SessionKey::generate());
        assert!(ours.made(&ours.form_token()));
        let upper = ours.form_token().to_uppercase();
        for wrong in ["", "0", upper.as_str(), &ours.expose(), &hex::encode(ours.digest().0), &others.form_token()] {
            assert!(!ours.made(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_key_survives_its_cookie_and_nothing_else_is_one() {
        let key = SessionKey::generate();
        assert_eq!(SessionKey::parse(&key.expose()).unwrap().0, key.0);
        for wrong in ["", "00", &"g".repeat(64), &"0".repeat(63), &"0".repeat(66)] {
            assert!(SessionKey::parse(wrong).is_none(), "{wrong}");
        }
    }
}
