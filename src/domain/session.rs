//! Sessions of the console and of `/account/`: the key in the browser, its stored digest, and how long a session lasts.

use std::time::Duration;

use subtle::ConstantTimeEq;

use super::random;
use super::random_key::{KeyDigest, RandomKey};
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

/// What a [`SessionKey`] opens.
#[derive(Clone, Copy)]
pub enum Session {}

/// The key of a session, in its cookie.
pub type SessionKey = RandomKey<Session>;

/// The digest by which a session is found.
pub type SessionDigest = KeyDigest<Session>;

impl SessionKey {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_belongs_to_its_session() {
        let (ours, others) = (SessionKey::generate(), SessionKey::generate());
        assert!(ours.has_form_token(&ours.form_token()));
        assert_ne!(ours.form_token(), ours.form_token(), "each page has another");
        let upper = ours.form_token().to_uppercase();
        for wrong in
            ["", "0", upper.as_str(), &ours.expose(), &hex::encode(ours.digest().as_bytes()), &others.form_token()]
        {
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
}
