//! Values imported from Django: rows of its tables, and parsers for dates and flags as its databases write them.

mod column_map;
mod dates;
mod given_flags;
mod imported_fields;
mod options;
mod table_options;

use std::fmt;

use super::time::Timestamp;
use super::token::{Token, TokenDigest};
use super::user::NewUser;
pub use column_map::{ColumnMap, ColumnRef};
pub use dates::{Dates, TimeZone};
pub use given_flags::GivenFlags;
pub use imported_fields::{FieldDigest, ImportedFields};
pub use options::{DjangoOptions, HashAlias};
pub use table_options::{MembershipTableOptions, TokenTableOptions};

/// A row of the table of users. Keys are text: integers, UUIDs or names.
#[derive(Clone, Debug)]
pub struct DjangoUser {
    /// The primary key.
    pub key: String,
    /// The name is not normalised, because its owner types it that way; the hash may be of any format. Without groups.
    pub user: NewUser,
    /// When the user was created; `None` if the source does not say.
    pub date_joined: Option<Timestamp>,
    /// When the user last logged in.
    pub last_login: Option<Timestamp>,
    /// Whether a flag was NULL, which counts as false.
    pub has_null_flag: bool,
}

/// A row that cannot be imported. The value itself is not shown, because it may be a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The table.
    pub table: String,
    /// Which row, for example `id 7`.
    pub at: String,
    /// The column.
    pub column: String,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, at, column, what } = self;
        write!(f, "the row with {at} of the table {table}: its {column} {what}")
    }
}

/// The table of an imported token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenTable {
    /// Django REST framework's, with keys in the clear.
    Drf,
    /// django-rest-knox's, with digests.
    Knox,
}

/// The key as stored in a row.
#[derive(Clone, Debug)]
pub enum DjangoKey {
    /// The key itself.
    Clear(Token),
    /// jeton's digest of the key, which is the first half of Knox's.
    Digest(TokenDigest),
    /// A digest that jeton cannot compute from a key: of another algorithm, or of a Knox before 5.0.
    Foreign,
}

impl DjangoKey {
    /// The digest that the key is looked up by.
    #[must_use]
    pub fn digest(&self) -> Option<TokenDigest> {
        match self {
            Self::Clear(key) => Some(key.digest()),
            Self::Digest(digest) => Some(*digest),
            Self::Foreign => None,
        }
    }
}

/// A row of a token table.
#[derive(Clone, Debug)]
pub struct DjangoToken {
    /// The key of the token's user.
    pub user_key: String,
    /// The key or its digest.
    pub key: DjangoKey,
    /// The key's first characters.
    pub hint: String,
    /// When it was created; `None` if the source does not say.
    pub created_at: Option<Timestamp>,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
}

/// Converts Knox's digest, SHA-512 in lower-case hex, to jeton's, which is its first half; `None` for another kind of
/// digest. Knox before 5.0 digested the bytes that the key's hex digits encode, some with a salt. It stored eight
/// characters of the key beside the digest; later versions store fifteen.
#[must_use]
pub fn knox_digest(text: &str, first_characters: &str) -> Option<TokenDigest> {
    const OLD_KEY_CHARS: usize = 8;
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    let bytes: [u8; 64] = hex::decode(text).ok().filter(|_| lower)?.try_into().ok()?;
    (first_characters.chars().count() != OLD_KEY_CHARS).then(|| TokenDigest::from_bytes(&bytes[..32]))?
}

/// Parses a flag as SQLite (`1`) or PostgreSQL (`true`) returns it.
#[must_use]
pub fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "t" => Some(true),
        "0" | "false" | "f" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_digest_is_the_first_half_of_knoxs() {
        let key = Token::parse("8f86adbf", None).unwrap();
        let whole = "92ca4fd1cd2ff2e15a0a3fa1d8f5ef42e7c4bdab81ba8b5ee3ed14b5ef1e92e0";
        assert!(knox_digest(whole, "8f86adbfd5c7869").is_none(), "of another algorithm");
        assert!(knox_digest(&"g".repeat(128), "8f86adbfd5c7869").is_none());
        let padded = format!("{}{}", hex::encode(key.digest().as_bytes()), "0".repeat(64));
        assert_eq!(knox_digest(&padded, "8f86adbfd5c7869"), Some(key.digest()));
        assert!(knox_digest(&padded, "8f86adbf").is_none(), "of a Knox before 5.0");
        assert!(knox_digest(&padded.to_uppercase(), "8f86adbfd5c7869").is_none(), "Knox itself would not find it");
    }
}
