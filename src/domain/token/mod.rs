//! Token keys: how they are generated and what is stored of them. Only a [`Token`] holds the clear key. `facts.rs` has
//! the other columns of a token.

mod facts;
mod for_staff;
mod search;
mod used_by;

use std::fmt;

use super::digest::digest;
use super::random;
pub use facts::{FoundToken, ListedToken, TokenFacts, TokenKind};
pub use for_staff::TokenForStaff;
pub use search::TokenSearch;
pub use used_by::UsedBy;

/// The longest text that is accepted as a key, in bytes. jeton's keys have 40 characters, Knox's 64.
const MAX_KEY_BYTES: usize = 1024;

/// How many characters of a key are stored in the clear, so that its owner can tell keys apart: 16 of 160 random bits,
/// which do not help an attacker.
const KEY_START_CHARS: usize = 4;

/// The key in a copied text: the whole text without blanks around it, or what follows the keyword, as in `Token <key>`.
#[must_use]
pub fn copied_key(text: &str) -> &str {
    let text = text.trim();
    match text.split_once(char::is_whitespace) {
        Some((word, key)) if ["token", "bearer"].contains(&word.to_ascii_lowercase().as_str()) => key.trim_start(),
        _ => text,
    }
}

/// A clear token key. Shown once, never logged, never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A new key: 20 bytes from the operating system as 40 lower-case hex digits (DRF,
    /// `rest_framework/authtoken/models.py`); with a prefix, `<prefix>_<40 hex><8 hex>`, where the last eight digits
    /// are the CRC-32 of the text before them, so that scanners for leaked secrets can tell a key from other text.
    #[must_use]
    pub fn generate(prefix: Option<&str>) -> Self {
        let key = hex::encode(random::bytes::<20>());
        Self(match prefix {
            None => key,
            Some(prefix) => {
                let checked = format!("{prefix}_{key}");
                format!("{checked}{}", checksum(&checked))
            }
        })
    }

    /// Parses what a caller presents as a key. `None` for text that cannot be a key: blank, with control characters,
    /// too long, or with the configured prefix and a wrong checksum. A key with another prefix is accepted, even if that
    /// prefix begins with the configured one and an underscore: its checksum is right, because it covers the whole text
    /// before it.
    #[must_use]
    pub fn parse(text: &str, prefix: Option<&str>) -> Option<Self> {
        let possible = !text.trim().is_empty()
            && text.len() <= MAX_KEY_BYTES
            && !text.chars().any(char::is_control)
            && prefix.is_none_or(|prefix| !has_prefix(text, prefix) || has_valid_checksum(text));
        possible.then(|| Self(text.to_owned()))
    }

    /// The clear key, for the one answer that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The digest that is stored, and by which the key is found.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(self.0.as_bytes())
    }

    /// The first characters of the key, after its prefix.
    #[must_use]
    pub fn key_start(&self) -> String {
        let random = self.0.rsplit_once('_').map_or(self.0.as_str(), |(_, random)| random);
        random.chars().take(KEY_START_CHARS).collect()
    }
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('_')) && !may_be_knox_key(text)
}

/// Whether the text may be a key of Knox: 64 hex digits after a prefix of the operator's choice, which may be the
/// current one. jeton's keys have 48 digits there, so neither they nor mistyped ones match.
fn may_be_knox_key(text: &str) -> bool {
    text.as_bytes().last_chunk::<64>().is_some_and(|last| last.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

fn has_valid_checksum(text: &str) -> bool {
    let at = text.len().saturating_sub(8);
    text.is_char_boundary(at) && checksum(&text[..at]) == text[at..]
}

/// zlib's CRC-32, as eight lower-case hex digits.
fn checksum(text: &str) -> String {
    format!("{:08x}", crc32fast::hash(text.as_bytes()))
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// The first 32 bytes of SHA-512 of a key's text: Knox's digest (`knox/crypto.py`), cut. A fast hash is enough, because
/// a key has 160 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    fn of(text: &[u8]) -> Self {
        Self(digest(&[text]))
    }

    /// From the database; `None` when it has another length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// For the database.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As four numbers, for the cache.
    #[must_use]
    pub fn words(&self) -> [u64; 4] {
        let (words, _) = self.0.as_chunks::<8>();
        std::array::from_fn(|at| u64::from_be_bytes(words[at]))
    }

    /// The first eight bytes: enough to identify a cached answer, and useless to anybody who reads them.
    #[must_use]
    pub fn prefix(&self) -> u64 {
        self.words()[0]
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(hidden)")
    }
}

/// How many login tokens a user has: `JETON_TOKEN_MODE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenMode {
    /// One, which every login returns again (DRF).
    #[default]
    Single,
    /// One for each login (Knox).
    Multiple,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_forty_lower_case_hex_digits() {
        let key = Token::generate(None);
        assert_eq!(key.expose().len(), 40);
        assert!(key.expose().bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
        assert_ne!(key, Token::generate(None));
    }

    #[test]
    fn the_digest_is_knoxs_cut_to_32_bytes() {
        // sha512("abc"), FIPS 180-4, appendix C.1
        let digest = Token("abc".into()).digest();
        assert_eq!(hex::encode(digest.as_bytes()), "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a");
    }

    #[test]
    fn text_that_no_key_can_be() {
        for text in ["", " ", "\u{a0}", "a\0b", "a\nb", &"x".repeat(1025)] {
            assert!(Token::parse(text, None).is_none(), "{text:?}");
        }
        for text in ["x", "ключ", &"x".repeat(1024)] {
            assert!(Token::parse(text, None).is_some(), "{text:?}");
        }
    }

    #[test]
    fn a_prefix_brings_a_checksum() {
        let key = Token::generate(Some("acme"));
        let text = key.expose();
        assert_eq!(text.len(), 4 + 1 + 40 + 8);
        assert!(Token::parse(text, Some("acme")).is_some());
        let last = if text.ends_with('0') { '1' } else { '0' };
        let broken = format!("{}{last}", &text[..text.len() - 1]);
        assert!(Token::parse(&broken, Some("acme")).is_none());
        assert!(Token::parse(&broken, Some("other")).is_some(), "no check with another prefix");
        assert!(Token::parse("acme_", Some("acme")).is_none());
        assert!(Token::parse("acme_é1234567", Some("acme")).is_none());
        assert!(Token::parse(&"a".repeat(40), Some("acme")).is_some(), "keys from before the prefix");
        for knox in [format!("acme_{}", "a".repeat(64)), format!("acme_v1{}", "0".repeat(64))] {
            assert!(Token::parse(&knox, Some("acme")).is_some(), "{knox}");
        }
        for other in [format!("acme_{}", "a".repeat(63)), format!("acme_{}", "A".repeat(64)), format!("{text}0")] {
            assert!(Token::parse(&other, Some("acme")).is_none(), "{other}");
        }
        // zlib.crc32(b"123456789"), the check value of CRC-32
        assert_eq!(checksum("123456789"), "cbf43926");
    }

    #[test]
    fn debug_hides_the_key() {
        let key = Token::generate(None);
        assert!(!format!("{key:?}{:?}", key.digest()).contains(key.expose()));
    }
}
