//! Rows of Django's tables, and the values they are parsed into. Unreadable values are reported by table and row.

use diesel::QueryableByName;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::row::NamedRow;
use diesel::sql_types::{Binary, Nullable};

use super::schema::NOT_TEXT;
use super::token_queries::TokenQueries;
use crate::domain::django::{
    BadRow, Dates, DjangoKey, DjangoOptions, DjangoToken, DjangoUser, TokenTable, flag, knox_digest,
};
use crate::domain::password::PasswordHash;
use crate::domain::profile::{Profile, ProfileOf};
use crate::domain::time::Timestamp;
use crate::domain::token::Token;
use crate::domain::user::{MAX_EXTERNAL_ID_BYTES, MAX_USERNAME_BYTES, NewUser};

const TOO_LONG: &str = "is longer than 1024 bytes";

const IS_NO_TEXT: &str = "is no text";

/// Text as raw bytes: SQLite does not guarantee UTF-8, and Diesel would replace invalid bytes.
type Bytes = Option<Vec<u8>>;

#[derive(QueryableByName)]
pub struct KeyText {
    #[diesel(sql_type = Nullable<Binary>)]
    key: Bytes,
    #[diesel(sql_type = Nullable<Binary>)]
    text: Bytes,
}

impl KeyText {
    /// The row's key, and a name.
    pub fn name(self, table: &str) -> Result<(String, String), BadRow> {
        let key = lossy(self.key);
        let name = Row { table, at: format!("id {key}") }.name("name", self.text)?;
        Ok((key, name))
    }

    /// For a message.
    pub fn lossy(self) -> (String, String) {
        (lossy(self.key), lossy(self.text))
    }

    /// The fault of a token without a usable key. The row's key is its user's.
    pub fn without_key(self, tokens: &TokenQueries) -> BadRow {
        let row = Row { table: &tokens.table, at: format!("user_id {}", lossy(self.key)) };
        row.bad(&tokens.key_column, if self.text.as_deref() == Some(NOT_TEXT) { IS_NO_TEXT } else { "is empty" })
    }
}

fn lossy(bytes: Bytes) -> String {
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}

/// The table of users, as far as messages name it.
pub struct UserTable {
    pub name: String,
    pub username_column: String,
}

/// A row of the table of users. `username` is the user's name, whatever its column is called.
pub struct UserRow {
    pub key: String,
    username: Bytes,
    password: Bytes,
    profile: ProfileOf<Bytes>,
    is_active: Bytes,
    is_staff: Bytes,
    is_superuser: Bytes,
    date_joined: Bytes,
    last_login: Bytes,
}

impl<DB: Backend> QueryableByName<DB> for UserRow
where
    Vec<u8>: FromSql<Binary, DB>,
{
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> deserialize::Result<Self> {
        let bytes = |name: &str| NamedRow::get::<Nullable<Binary>, Bytes>(row, name);
        Ok(Self {
            key: lossy(bytes("key")?),
            username: bytes("username")?,
            password: bytes("password")?,
            profile: ProfileOf::try_from_fn(|field| bytes(field.name()))?,
            is_active: bytes("is_active")?,
            is_staff: bytes("is_staff")?,
            is_superuser: bytes("is_superuser")?,
            date_joined: bytes("date_joined")?,
            last_login: bytes("last_login")?,
        })
    }
}

impl UserRow {
    pub fn read(self, table: &UserTable, options: &DjangoOptions, dates: &mut Dates<'_>) -> Result<DjangoUser, BadRow> {
        let row = Row { table: &table.name, at: format!("id {}", self.key) };
        if self.key.is_empty() || self.key.len() > MAX_EXTERNAL_ID_BYTES {
            return Err(row.bad("key", "is empty, or longer than 1024 bytes"));
        }
        let flags = [&self.is_active, &self.is_staff, &self.is_superuser];
        let has_null_flag = flags.iter().any(|flag| flag.is_none());
        let user = NewUser {
            username: row.name(&table.username_column, self.username)?,
            password: PasswordHash::from_stored(options.hash(row.text("password", self.password)?)),
            profile: Profile::try_from_fn(|field| row.text(field.name(), self.profile.get(field).clone()))?,
            is_active: row.flag("is_active", self.is_active)?,
            is_staff: row.flag("is_staff", self.is_staff)?,
            is_superuser: row.flag("is_superuser", self.is_superuser)?,
            groups: Vec::new(),
        };
        Ok(DjangoUser {
            user,
            date_joined: row.moment("date_joined", self.date_joined, dates)?,
            last_login: row.moment("last_login", self.last_login, dates)?,
            has_null_flag,
            key: self.key,
        })
    }
}

/// A row of a table of tokens.
pub struct TokenRow {
    pub user_key: String,
    pub row_key: String,
    hint: Bytes,
    created: Bytes,
    expiry: Bytes,
}

impl<DB: Backend> QueryableByName<DB> for TokenRow
where
    Vec<u8>: FromSql<Binary, DB>,
{
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> deserialize::Result<Self> {
        let bytes = |name: &str| NamedRow::get::<Nullable<Binary>, Bytes>(row, name);
        Ok(Self {
            user_key: lossy(bytes("user_key")?),
            row_key: lossy(bytes("row_key")?),
            hint: bytes("hint")?,
            created: bytes("created")?,
            expiry: bytes("expiry")?,
        })
    }
}

impl TokenRow {
    pub fn read(
        self,
        tokens: &TokenQueries,
        options: &DjangoOptions,
        dates: &mut Dates<'_>,
    ) -> Result<DjangoToken, BadRow> {
        let row = Row { table: &tokens.table, at: format!("user_id {}", self.user_key) };
        let column = &tokens.key_column;
        if self.row_key.contains(char::REPLACEMENT_CHARACTER) {
            return Err(row.bad(column, "is not UTF-8"));
        }
        // The first characters of a key, in both kinds of tables.
        let beginning = row.text(&tokens.hint_column, self.hint)?;
        let key = match tokens.kind {
            TokenTable::Drf => {
                DjangoKey::Clear(Token::parse(&self.row_key, None).ok_or_else(|| row.bad(column, "is not a key"))?)
            }
            TokenTable::Knox => knox_digest(&self.row_key, &beginning).map_or(DjangoKey::Foreign, DjangoKey::Digest),
        };
        let hint = Token::parse(&beginning, None).map_or_else(String::new, |key| key.key_start());
        let created_at = row.moment("created", self.created, dates)?;
        let lifetime = options.tokens_expire.filter(|_| tokens.kind == TokenTable::Drf);
        let end = match (lifetime, created_at) {
            // The key may have ended years ago.
            (Some(_), None) => {
                return Err(row.bad("created", "is empty, so that --tokens-expire has nothing to count from"));
            }
            (Some(lifetime), Some(created_at)) => Some(created_at.after(lifetime)),
            (None, _) => None,
        };
        let ends = [row.moment("expiry", self.expiry, dates)?, end];
        let expires_at = ends.into_iter().flatten().min();
        Ok(DjangoToken { user_key: self.user_key, key, hint, created_at, expires_at })
    }
}

/// The table and row of a value, for error messages.
struct Row<'a> {
    table: &'a str,
    at: String,
}

impl Row<'_> {
    fn text(&self, column: &str, bytes: Bytes) -> Result<String, BadRow> {
        let bytes = bytes.unwrap_or_default();
        if bytes == NOT_TEXT {
            return Err(self.bad(column, IS_NO_TEXT));
        }
        let text = String::from_utf8(bytes).map_err(|_| self.bad(column, "is not UTF-8"))?;
        if text.contains('\0') { Err(self.bad(column, "holds a NUL character")) } else { Ok(text) }
    }

    fn name(&self, column: &str, bytes: Bytes) -> Result<String, BadRow> {
        let text = self.text(column, bytes)?;
        if text.is_empty() {
            Err(self.bad(column, "is empty"))
        } else if text.len() > MAX_USERNAME_BYTES {
            Err(self.bad(column, TOO_LONG))
        } else {
            Ok(text)
        }
    }

    /// NULL is false, as it is in Python: nobody gets in, or gets rights, by it.
    fn flag(&self, column: &str, bytes: Bytes) -> Result<bool, BadRow> {
        let Some(bytes) = bytes else { return Ok(false) };
        flag(&self.text(column, Some(bytes))?).ok_or_else(|| self.bad(column, "is neither true nor false"))
    }

    fn moment(&self, column: &str, bytes: Bytes, dates: &mut Dates<'_>) -> Result<Option<Timestamp>, BadRow> {
        let Some(bytes) = bytes else { return Ok(None) };
        dates.read(&self.text(column, Some(bytes))?).map(Some).ok_or_else(|| self.bad(column, "is not a date"))
    }

    fn bad(&self, column: &str, what: &str) -> BadRow {
        BadRow { table: self.table.into(), at: self.at.clone(), column: column.into(), what: what.into() }
    }
}
