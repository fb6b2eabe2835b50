//! What of a Django project is imported, and what its tables and columns are called.

use std::str::FromStr;
use std::time::Duration;

use super::column_map::ColumnMap;
use super::dates::TimeZone;
use super::table_options::{MembershipTableOptions, TokenTableOptions};

/// How a project differs from Django's defaults.
#[derive(Clone, Debug)]
pub struct DjangoOptions {
    /// `auth_user`, or the table of a custom model.
    pub user_table: String,
    /// `username`, or the model's `USERNAME_FIELD`.
    pub username_column: String,
    /// The groups' table, where it does not follow from the table of memberships.
    pub group_table: Option<String>,
    /// The table that says who is in which group, where it does not follow from the table of users.
    pub membership_table: Option<MembershipTableOptions>,
    /// Columns that are not called as Django calls them.
    pub map: ColumnMap,
    /// The tables of tokens with keys in the clear. If there are none: `authtoken_token`.
    pub token_tables: Vec<TokenTableOptions>,
    /// The tables of Knox's tokens. If there are none: `knox_authtoken`.
    pub knox_tables: Vec<TokenTableOptions>,
    /// Names under which the project registered Django's hashers.
    pub hash_aliases: Vec<HashAlias>,
    /// How long keys are valid after they were created, by the project's own code.
    pub tokens_expire: Option<Duration>,
    /// The zone of dates that are written without one; UTC if it is not given.
    pub time_zone: Option<TimeZone>,
}

impl DjangoOptions {
    /// The options with tables in place of models. For a dump, a table may be given as a model: `accounts.User`.
    #[must_use]
    pub fn of_models(mut self) -> Self {
        let members = self.membership_table.iter_mut().map(|members| &mut members.table);
        let tables = [&mut self.user_table].into_iter().chain(&mut self.group_table).chain(members);
        let tokens = self.token_tables.iter_mut().chain(&mut self.knox_tables).map(|tokens| &mut tokens.table);
        for table in tables.chain(tokens) {
            if table.contains('.') {
                *table = table.replace('.', "_").to_lowercase();
            }
        }
        self
    }

    /// The hash, with the name of a renamed hasher replaced by Django's.
    #[must_use]
    pub fn hash(&self, stored: String) -> String {
        let alias = stored.split_once('$').and_then(|(name, rest)| {
            let alias = self.hash_aliases.iter().find(|alias| alias.name == name)?;
            Some(format!("{}${rest}", alias.format))
        });
        alias.unwrap_or(stored)
    }
}

/// Another name of one of Django's hashers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashAlias {
    /// The name in the project's hashes.
    pub name: String,
    /// Django's name of the format.
    pub format: String,
}

/// The formats whose names begin a hash, as Django writes it.
const FORMATS: [&str; 8] =
    ["pbkdf2_sha256", "pbkdf2_sha1", "argon2", "bcrypt_sha256", "bcrypt", "scrypt", "md5", "sha1"];

impl FromStr for HashAlias {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, format)) if !name.is_empty() && !name.contains('$') && FORMATS.contains(&format) => {
                Ok(Self { name: name.to_owned(), format: format.to_owned() })
            }
            _ => Err(format!("write NAME=FORMAT, with a format of {}", FORMATS.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_of_a_known_format() {
        let alias: HashAlias = "shop=pbkdf2_sha256".parse().unwrap();
        assert_eq!((alias.name.as_str(), alias.format.as_str()), ("shop", "pbkdf2_sha256"));
        for text in ["shop", "=bcrypt", "shop=crypt", "a$b=bcrypt"] {
            assert!(text.parse::<HashAlias>().is_err(), "{text}");
        }
    }
}
