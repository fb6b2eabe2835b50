//! Rows as they stand there, and the values they are read into. What cannot be read is told by table and row.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};

use super::super::StoreError;
use super::catalogue::Catalogue;
use crate::domain::django::{DjangoKey, DjangoToken, TokenTable, flag, knox_digest, moment};
use crate::domain::password::PasswordHash;
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
    #[diesel(sql_type = Bool)]
    pub key: bool,
    /// Whether the case of its letters does not count.
    #[diesel(sql_type = Bool)]
    pub any_case: bool,
}

impl Column {
    pub fn is(&self, name: &str) -> bool {
        self.name == name || self.any_case && self.name.eq_ignore_ascii_case(name)
    }
}

const TOO_LONG: &str = "is longer than 1024 bytes";

/// Text as the bytes it is made of: SQLite holds no text to UTF-8, and Diesel would mend what is none.
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

#[derive(QueryableByName)]
pub struct UserRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    username: Bytes,
    #[diesel(sql_type = Nullable<Binary>)]
    password: Bytes,
    #[diesel(sql_type = Nullable<Binary>)]
    email: Bytes,
    #[diesel(sql_type = Nullable<Binary>)]
    first_name: Bytes,
    #[diesel(sql_type = Nullable<Binary>)]
    last_name: Bytes,
    #[diesel(sql_type = Nullable<Binary>)]
    is_active: Bytes,
    #[diesel(sql_type = Nullable<Binary>)]
    is_staff: Bytes,
    #[diesel(sql_type = Nullable<Binary>)]
    is_superuser: Bytes,
    #[diesel(sql_type = Nullable<Binary>)]
    date_joined: Bytes,
    #[diesel(sql_type = Nullable<Binary>)]
    last_login: Bytes,
}

impl UserRow {
    pub fn read(self, catalogue: &Catalogue, now: Timestamp) -> Result<ImportedUser, StoreError> {
        let row = Row { table: &catalogue.user_table, at: format!("id {}", self.id) };
        let user = NewUser {
            username: row.name(&catalogue.username_column, self.username)?,
            password: PasswordHash::from_stored(row.text("password", self.password)?),
            email: row.text("email", self.email)?,
            first_name: row.text("first_name", self.first_name)?,
            last_name: row.text("last_name", self.last_name)?,
            is_active: row.flag("is_active", self.is_active)?,
            is_staff: row.flag("is_staff", self.is_staff)?,
            is_superuser: row.flag("is_superuser", self.is_superuser)?,
            groups: Vec::new(),
        };
        let date_joined = if catalogue.has_date_joined { row.moment("date_joined", self.date_joined)? } else { now };
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
                DjangoKey::Clear(Token::presented(&text, None).ok_or_else(|| row.unreadable(column, "is no key"))?)
            }
            TokenTable::Knox => knox_digest(&text, &beginning).map_or(DjangoKey::Foreign, DjangoKey::Digest),
        };
        let hint = Token::presented(&beginning, None).map_or_else(String::new, |key| key.hint());
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

/// Where a value stands.
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
        moment(&self.text(column, bytes)?).ok_or_else(|| self.unreadable(column, "is no date"))
    }

    fn moment_or_none(&self, column: &str, bytes: Bytes) -> Result<Option<Timestamp>, StoreError> {
        bytes.map(|bytes| self.moment(column, Some(bytes))).transpose()
    }

    /// What stands there is not said: it may be a key.
    fn unreadable(&self, column: &str, what: &str) -> StoreError {
        let Self { table, at } = self;
        StoreError::Unusable(format!(
            "the row with {at} of the table {table} cannot be read: its {column} {what}; mend it there"
        ))
    }
}
