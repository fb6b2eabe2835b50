//! The one login token of single mode, encrypted so that it can be handed out again.

use std::fmt;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha512;

use crate::domain::random;
use crate::domain::secret_key::SecretKey;
use crate::domain::token::{Token, TokenDigest};
use crate::store::{MetaKey, Store, StoreError};

const NONCE_BYTES: usize = 24;

/// Seals and opens keys. XChaCha20-Poly1305: its nonce is long enough to be random.
#[derive(Clone)]
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    check_value: String,
}

impl Sealer {
    /// Derives what is needed from `JETON_SECRET_KEY`.
    #[must_use]
    pub fn new(key: &SecretKey) -> Self {
        let cipher = XChaCha20Poly1305::new(&derive(key, "jeton/seal/v1").into());
        Self { cipher, check_value: hex::encode(derive(key, "jeton/check/v1")) }
    }

    /// `key`, readable only with the secret key and only as the token of this user with this digest.
    ///
    /// # Panics
    /// Never: the cipher takes any text of this length.
    #[must_use]
    pub fn seal(&self, key: &Token, user_id: i64, digest: &TokenDigest) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = random::bytes();
        let payload = Payload { msg: key.expose().as_bytes(), aad: &bound_to(user_id, digest) };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).expect("a key is short enough to encrypt");
        [nonce.as_slice(), &sealed].concat()
    }

    /// The key, or `None` when it was sealed with another secret key or for another row.
    #[must_use]
    pub fn open(&self, sealed: &[u8], user_id: i64, digest: &TokenDigest) -> Option<Token> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: sealed, aad: &bound_to(user_id, digest) };
        let clear = self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()?;
        Token::presented(std::str::from_utf8(&clear).ok()?, None)
    }

    /// Compares the secret key with the one the database was first used with; keeps it at the first use.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] for another key.
    pub fn check(&self, store: &Store) -> Result<(), StoreError> {
        if store.meta_or_insert(MetaKey::SecretKeyCheck, &self.check_value)? == self.check_value {
            return Ok(());
        }
        Err(StoreError::Unusable(
            "JETON_SECRET_KEY is not the key this database was first used with; give that one back".into(),
        ))
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(hidden)")
    }
}

fn derive(key: &SecretKey, purpose: &str) -> [u8; 32] {
    let mut derived = [0; 32];
    Hkdf::<Sha512>::new(None, key.as_bytes())
        .expand(purpose.as_bytes(), &mut derived)
        .expect("32 bytes are within what HKDF gives");
    derived
}

fn bound_to(user_id: i64, digest: &TokenDigest) -> Vec<u8> {
    [user_id.to_be_bytes().as_slice(), digest.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_its_key_user_and_digest() {
        let (sealer, other) = (Sealer::new(&SecretKey::generate()), Sealer::new(&SecretKey::generate()));
        let (key, another) = (Token::generate(None), Token::generate(None));
        let secret = sealer.seal(&key, 7, &key.digest());
        assert_eq!(sealer.open(&secret, 7, &key.digest()), Some(key.clone()));
        assert_eq!(other.open(&secret, 7, &key.digest()), None, "another secret key");
        assert_eq!(sealer.open(&secret, 8, &key.digest()), None, "another user");
        assert_eq!(sealer.open(&secret, 7, &another.digest()), None, "another digest");
        for length in 0..secret.len() {
            assert_eq!(sealer.open(&secret[..length], 7, &key.digest()), None, "cut to {length}");
        }
        assert_ne!(sealer.seal(&key, 7, &key.digest()), secret, "the nonce is random");
    }
}
