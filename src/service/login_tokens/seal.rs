//! The one login token of single mode, encrypted so that it can be handed out again.

use std::fmt;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha512;

use crate::domain::random;
use crate::domain::secret_key::SecretKey;
use crate::domain::token::{Token, TokenDigest};
use crate::store::{MetaKey, Replaced, Store, StoreError};

const NONCE_BYTES: usize = 24;

/// Seals and opens keys, under the secret key and older ones.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealer {
    first: SealKey,
    older: Vec<SealKey>,
}

/// An opened seal.
#[derive(Debug, PartialEq, Eq)]
pub struct Opened {
    /// The key that was sealed.
    pub token: Token,
    /// The position of the secret key that it was sealed under: 0 for the first.
    pub position: usize,
}

impl Opened {
    /// Whether it was sealed under an older secret key.
    #[must_use]
    pub const fn is_outdated(&self) -> bool {
        self.position > 0
    }
}

/// XChaCha20-Poly1305: its nonce is long enough to be random.
#[derive(Clone)]
struct SealKey {
    cipher: XChaCha20Poly1305,
    check_value: String,
}

impl SealKey {
    fn new(key: &SecretKey) -> Self {
        let cipher = XChaCha20Poly1305::new(&derive(key, "jeton/seal/v1").into());
        Self { cipher, check_value: hex::encode(derive(key, "jeton/check/v1")) }
    }
}

/// Two keys are equal if their check values are.
impl PartialEq for SealKey {
    fn eq(&self, other: &Self) -> bool {
        self.check_value == other.check_value
    }
}

impl Eq for SealKey {}

impl Sealer {
    /// Derives the keys of the cipher from `JETON_SECRET_KEY` and `JETON_SECRET_KEY_FALLBACKS`.
    #[must_use]
    pub fn new(key: &SecretKey, fallbacks: &[SecretKey]) -> Self {
        Self { first: SealKey::new(key), older: fallbacks.iter().map(SealKey::new).collect() }
    }

    fn all(&self) -> impl Iterator<Item = &SealKey> {
        std::iter::once(&self.first).chain(&self.older)
    }

    /// How many keys there are.
    #[must_use]
    pub fn key_count(&self) -> usize {
        self.all().count()
    }

    /// Whether there are older keys.
    #[must_use]
    pub fn has_older(&self) -> bool {
        !self.older.is_empty()
    }

    /// The check value of the first key. `meta` holds the check value of the database's current key.
    pub(in crate::service) fn check_value(&self) -> &str {
        &self.first.check_value
    }

    /// The position of the key that has this check value.
    #[must_use]
    pub fn position_of(&self, check_value: &str) -> Option<usize> {
        self.all().position(|key| key.check_value == check_value)
    }

    /// Encrypts `key` under the first secret key. The result can be opened only for the same user and digest.
    ///
    /// # Panics
    /// Never: the cipher takes any text of this length.
    #[must_use]
    pub fn seal(&self, key: &Token, user_id: i64, digest: &TokenDigest) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = random::bytes();
        let payload = Payload { msg: key.expose().as_bytes(), aad: &bound_to(user_id, digest) };
        let sealed =
            self.first.cipher.encrypt(&XNonce::from(nonce), payload).expect("a key is short enough to encrypt");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Decrypts a key. `None` when it was sealed under another secret key, or for another user or digest.
    #[must_use]
    pub fn open(&self, sealed: &[u8], user_id: i64, digest: &TokenDigest) -> Option<Opened> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let (nonce, aad) = (XNonce::from(*nonce), bound_to(user_id, digest));
        let mut keys = self.all().enumerate();
        let (position, clear) = keys.find_map(|(position, key)| {
            let payload = Payload { msg: sealed, aad: &aad };
            Some((position, key.cipher.decrypt(&nonce, payload).ok()?))
        })?;
        Some(Opened { token: Token::parse(std::str::from_utf8(&clear).ok()?, None)?, position })
    }

    /// Makes the first secret key the database's current one: stores it at the first use, and replaces the current key
    /// by it if that is one of the older ones. A replaced key never becomes the current one again: a node that still
    /// has it as its first key was not updated yet, and nothing is changed.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the database's key is none of these.
    pub fn register(&self, store: &Store) -> Result<(), StoreError> {
        let first = self.check_value();
        loop {
            let current = match store.meta(MetaKey::SecretKeyCheck)? {
                Some(current) => current,
                None => store.meta_or_insert(MetaKey::SecretKeyCheck, first)?,
            };
            if current == first {
                return Ok(());
            }
            let retired = store.meta(MetaKey::RetiredSecretKeys)?.unwrap_or_default();
            let is_retired = |key: &SealKey| retired.split(' ').any(|check_value| check_value == key.check_value);
            if self.position_of(&current).is_none() {
                let why = if self.all().any(is_retired) {
                    "JETON_SECRET_KEY was replaced by a newer key; \
                     set the newer one, and move this one to JETON_SECRET_KEY_FALLBACKS"
                } else {
                    "JETON_SECRET_KEY is not the database's current secret key; set that one, \
                     or, to replace it by this one, put it into JETON_SECRET_KEY_FALLBACKS"
                };
                return Err(StoreError::Unusable(why.into()));
            }
            if is_retired(&self.first) {
                log::info!("JETON_SECRET_KEY was replaced already, by one of JETON_SECRET_KEY_FALLBACKS");
                return Ok(());
            }
            // Another node may have replaced it first; then the check begins again.
            if store.replace_secret_key(&current, first)? == Replaced::Done {
                log::info!("the secret key was replaced: login tokens are resealed under the new one");
                return Ok(());
            }
        }
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

    fn opened(key: &Token, position: usize) -> Opened {
        Opened { token: key.clone(), position }
    }

    #[test]
    fn opens_only_with_its_key_user_and_digest() {
        let (one, two) = (SecretKey::generate(), SecretKey::generate());
        let (sealer, other) = (Sealer::new(&one, &[]), Sealer::new(&two, &[]));
        let (key, another) = (Token::generate(None), Token::generate(None));
        let secret = sealer.seal(&key, 7, &key.digest());
        assert_eq!(sealer.open(&secret, 7, &key.digest()), Some(opened(&key, 0)));
        assert_eq!(other.open(&secret, 7, &key.digest()), None, "another secret key");
        assert_eq!(sealer.open(&secret, 8, &key.digest()), None, "another user");
        assert_eq!(sealer.open(&secret, 7, &another.digest()), None, "another digest");
        for length in 0..secret.len() {
            assert_eq!(sealer.open(&secret[..length], 7, &key.digest()), None, "cut to {length}");
        }
        assert_ne!(sealer.seal(&key, 7, &key.digest()), secret, "the nonce is random");
        let newer = Sealer::new(&two, &[SecretKey::generate(), one]);
        assert_eq!(newer.open(&secret, 7, &key.digest()), Some(opened(&key, 2)), "an older key opens it");
        assert_eq!(newer.open(&secret, 8, &key.digest()), None);
        let anew = newer.seal(&key, 7, &key.digest());
        assert_eq!(other.open(&anew, 7, &key.digest()), Some(opened(&key, 0)), "the first one seals");
    }
}
