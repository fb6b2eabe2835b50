//! `JETON_SECRET_KEY`: the one key from which all others are derived.

use std::fmt;

use super::random;

/// 32 secret bytes, written as 64 hex digits.
#[derive(Clone)]
pub struct SecretKey([u8; 32]);

impl SecretKey {
    /// A new random key.
    #[must_use]
    pub fn generate() -> Self {
        Self(random::bytes())
    }

    /// From 64 hex digits.
    ///
    /// # Errors
    /// A message that does not contain the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut key = [0; 32];
        hex::decode_to_slice(text.trim(), &mut key)
            .map_err(|_| "it must be 64 hex digits; make one with: openssl rand -hex 32".to_owned())?;
        Ok(Self(key))
    }

    /// The 64 hex digits, for the key file.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// The bytes, for key derivation.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(hidden)")
    }
}
