//! Rows of Django's tables, and the values they are parsed into. Unreadable values are reported by table and row.

use diesel::QueryableByName;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::row::NamedRow;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};

use super::super::StoreError;
use crate::domain::django::{DjangoKey, DjangoToken, TokenTable, flag, knox_digest, moment};
use crate::domain::password::PasswordHash;
use crate::domain::profile::{Profile, ProfileOf};
use crate::domain::time::Timestamp;
use crate::domain::token::Token;
use crate::domain::user::{ImportedUser, MAX_USERNAME_BYTES, NewUser};

#[derive(QueryableByName)]
pub struct Count {
    #[diesel(sql_type = BigInt)]
    pub count: i64,
}

#[derive(QueryableByName)]
pub struct Word {
    #[diesel(sql_type = Text)]
    pub word: String,
}

#[derive(QueryableByName)]
pub struct Column {
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// Whether it belongs to the primary key.
    #[diesel(sql_type = Bool)]
    pub key: bool,
    /// Whether the name is compared without regard to case.
    #[diesel(sql_type = Bool)]
    pub any_case: bool,
}

impl Column {
    pub fn is(&self, name: &str) -> bool {
        self.name == name || self.any_case && self.name.eq_ignore_ascii_case(name)
    }
}

const TOO_LONG: &str = "is longer than 1024 bytes";

/// Text as raw bytes: SQLite does not guarantee UTF-8, and Diesel would replace invalid bytes.
type Bytes = Option<Vec<u8>>;

#[derive(QueryableByName)]
pub struct IdText {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    text: Bytes,
}

impl IdText {
    pub fn read(self, table: &str) -> Result<(i64, String), StoreError> {
        Ok((self.id, Row { table, at: format!("id {}", self.id) }.name("name", self.text)?))
    }
}

/// The table of users, as far as its rows depend on it.
pub struct UserTable {
    pub name: String,
    pub username_column: String,
    /// Without this column, `date_joined` is the time of the import.
    pub has_date_joined: bool,
}

/// A row of the table of users. `username` is the user's name, whatever its column is called.
pub struct UserRow {
    id: i64,
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
    i64: FromSql<BigInt, DB>,
    Vec<u8>: FromSql<Binary, DB>,
{
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> deserialize::Result<Self> {
        let bytes = |name: &str| NamedRow::get::<Nullable<Binary>, Bytes>(row, name);
        Ok(Self {
            id: NamedRow::get::<BigInt, i64>(row, "id")?,
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
    pub fn read(self, table: &UserTable, now: Timestamp) -> Result<ImportedUser, StoreError> {
        let row = Row { table: &table.name, at: format!("id {}", self.id) };
        let user = NewUser {
            username: row.name(&table.username_column, self.username)?,
            password: PasswordHash::from_stored(row.text("password", self.password)?),
            profile: Profile::try_from_fn(|field| row.text(field.name(), self.profile.get(field).clone()))?,
            is_active: row.flag("is_active", self.is_active)?,
            is_staff: row.flag("is_staff", self.is_staff)?,
            is_superuser: row.flag("is_superuser", self.is_superuser)?,
            groups: Vec::new(),
        };
        let date_joined = if table.has_date_joined { row.moment("date_joined", self.date_joined)? } else { now };
        Ok(ImportedUser {
            id: self.id,
            user,
            date_joined,
            last_login: row.moment_or_none("last_login", self.last_login)?,
        })
    }
}

#[derive(QueryableByName)]
pub struct TokenRow {
    #[diesel(sql_type = BigInt)]
    user_id: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    row_key: Bytes,
    #[diesel(sql_type = Nullable<Binary>)]
    hint: Bytes,
    #[diesel(sql_type = Nullable<Binary>)]
    created: Bytes,
    #[diesel(sql_type = Nullable<Binary>)]
    expiry: Bytes,
}

impl TokenRow {
    pub fn read(self, table: TokenTable) -> Result<DjangoToken, StoreError> {
        let (name, column) = match table {
            TokenTable::Drf => ("authtoken_token", "key"),
            TokenTable::Knox => ("knox_authtoken", "digest"),
        };
        let row = Row { table: name, at: format!("user_id {}", self.user_id) };
        let text = row.filled(column, self.row_key)?;
        // The first characters of a key, in both tables.
        let beginning = row.text("hint", self.hint)?;
        let key = match table {
            TokenTable::Drf => {
                DjangoKey::Clear(Token::parse(&text, None).ok_or_else(|| row.unreadable(column, "is not a key"))?)
            }
            TokenTable::Knox => knox_digest(&text, &beginning).map_or(DjangoKey::Foreign, DjangoKey::Digest),
        };
        let hint = Token::parse(&beginning, None).map_or_else(String::new, |key| key.key_start());
        Ok(DjangoToken {
            user_id: self.user_id,
            row: text,
            key,
            hint,
            created_at: row.moment("created", self.created)?,
            expires_at: row.moment_or_none("expiry", self.expiry)?,
        })
    }
}

/// The table and row of a value, for error messages.
struct Row<'a> {
    table: &'a str,
    at: String,
}

impl Row<'_> {
    fn text(&self, column: &str, bytes: Bytes) -> Result<String, StoreError> {
        let text = String::from_utf8(bytes.unwrap_or_default()).map_err(|_| self.unreadable(column, "is not UTF-8"))?;
        if text.contains('\0') { Err(self.unreadable(column, "holds a NUL character")) } else { Ok(text) }
    }

    fn filled(&self, column: &str, bytes: Bytes) -> Result<String, StoreError> {
        let text = self.text(column, bytes)?;
        if text.is_empty() { Err(self.unreadable(column, "is empty")) } else { Ok(text) }
    }

    fn name(&self, column: &str, bytes: Bytes) -> Result<String, StoreError> {
        let text = self.filled(column, bytes)?;
        if text.len() > MAX_USERNAME_BYTES { Err(self.unreadable(column, TOO_LONG)) } else { Ok(text) }
    }

    fn flag(&self, column: &str, bytes: Bytes) -> Result<bool, StoreError> {
        flag(&self.text(column, bytes)?).ok_or_else(|| self.unreadable(column, "is neither true nor false"))
    }

    fn moment(&self, column: &str, bytes: Bytes) -> Result<Timestamp, StoreError> {
        moment(&self.text(column, bytes)?).ok_or_else(|| self.unreadable(column, "is not a date"))
    }

    fn moment_or_none(&self, column: &str, bytes: Bytes) -> Result<Option<Timestamp>, StoreError> {
        bytes.map(|bytes| self.moment(column, Some(bytes))).transpose()
    }

    /// The value itself is not shown, because it may be a key.
    fn unreadable(&self, column: &str, what: &str) -> StoreError {
        let Self { table, at } = self;
        StoreError::Unusable(format!(
            "the row with {at} of the table {table} cannot be read: its {column} {what}; fix it there"
        ))
    }
}
