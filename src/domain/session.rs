//! Sessions of the console and of `/account/`: the key in the browser, its stored digest, and how long a session lasts.

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

use super::random;
use super::user::User;

/// A session ends when it was not used for this long.
pub const SESSION_IDLE: Duration = Duration::from_mins(30);
/// A session ends at this age, even if it is in use.
pub const SESSION_MAX: Duration = Duration::from_hours(12);

/// Which pages a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// The console, for staff.
    Console,
    /// `/account/`, for every user.
    Account,
}

impl SessionKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Console, Self::Account];

    /// The word in the database and in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Account => "account",
        }
    }

    /// Whether this user may have such a session.
    #[must_use]
    pub const fn is_for(self, user: &User) -> bool {
        match self {
            Self::Console => user.is_active && (user.is_staff || user.is_superuser),
            Self::Account => user.is_active,
        }
    }
}

/// The length of the random number of a form, in bytes.
const FORM_NUMBER: usize = 16;

/// The session key in the cookie: 256 random bits. Never stored, never logged.
#[derive(Clone)]
pub struct SessionKey([u8; 32]);

impl SessionKey {
    /// A new random key.
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

    /// The digest that is stored, and by which the session is found.
    #[must_use]
    pub fn digest(&self) -> SessionDigest {
        SessionDigest(self.derived(b""))
    }

    /// A CSRF token for the forms of one page. Another site can neither read nor forge it. Each page has its own, so
    /// that a form that is submitted twice is recognised.
    #[must_use]
    pub fn form_token(&self) -> String {
        self.form_token_of(random::bytes())
    }

    fn form_token_of(&self, number: [u8; FORM_NUMBER]) -> String {
        let proof = self.derived(&[b"jeton/form/v2".as_slice(), &number].concat());
        format!("{}{}", hex::encode(number), hex::encode(proof))
    }

    /// Whether `form_token` belongs to this session. Takes the same time for all tokens of the right length.
    #[must_use]
    pub fn has_form_token(&self, form_token: &str) -> bool {
        let mut number = [0; FORM_NUMBER];
        let digits = form_token.get(..2 * FORM_NUMBER).unwrap_or_default();
        hex::decode_to_slice(digits, &mut number).is_ok()
            && bool::from(self.form_token_of(number).as_bytes().ct_eq(form_token.as_bytes()))
    }

    /// The digest by which a form that was submitted to `path` is remembered.
    #[must_use]
    pub fn form(&self, path: &str, form_token: &str) -> FormDigest {
        FormDigest(self.derived(format!("jeton/form-sent/v1 {form_token} {path}").as_bytes()))
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

/// The digest by which a one-time form is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormDigest([u8; 32]);

impl FormDigest {
    /// For the database.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
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
        assert!(ours.has_form_token(&ours.form_token()));
        assert_ne!(ours.form_token(), ours.form_token(), "each page has another");
        let upper = ours.form_token().to_uppercase();
        for wrong in ["", "0", upper.as_str(), &ours.expose(), &hex::encode(ours.digest().0), &others.form_token()] {
            assert!(!ours.has_form_token(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_form_is_identified_by_its_token_and_path() {
        let (ours, others) = (SessionKey::generate(), SessionKey::generate());
        let token = ours.form_token();
        assert_eq!(ours.form("/a", &token), ours.form("/a", &token));
        for other in [ours.form("/b", &token), ours.form("/a", &ours.form_token()), others.form("/a", &token)] {
            assert_ne!(ours.form("/a", &token), other);
        }
    }

    #[test]
    fn a_key_can_be_parsed_from_its_cookie_and_nothing_else_can() {
        let key = SessionKey::generate();
        assert_eq!(SessionKey::parse(&key.expose()).unwrap().0, key.0);
        for wrong in ["", "00", &"g".repeat(64), &"0".repeat(63), &"0".repeat(66)] {
            assert!(SessionKey::parse(wrong).is_none(), "{wrong}");
        }
    }
}
