//! The primary key of the table of users: an integer, a UUID, or text. It is read as text, and compared as what it is.

use super::super::StoreError;
use super::super::connection::Conn;
use super::schema::{Column, Schema, quoted};

/// How the columns that hold a user's key are compared.
#[derive(Clone, Debug)]
pub struct UserKey {
    /// The column, as it is written.
    pub column: String,
    /// Its type, for messages.
    pub kind: String,
    /// Whether all keys are integers that jeton's ids can be.
    pub is_integer: bool,
    /// Whether it is a UUID without hyphens, as Django stores it where the database has no such type.
    is_plain_uuid: bool,
    /// The type of a parameter; none in SQLite for text.
    cast: Option<String>,
    /// Whether values of several types stand in the column, so that they are compared as text.
    is_mixed: bool,
}

impl UserKey {
    pub fn find(schema: &mut Schema<'_>, columns: &[Column], table: &str) -> Result<Self, StoreError> {
        let key = primary_key(columns, table, schema.table(table).is_some_and(|table| table.is_view))?;
        let (column, kind) = (key.name.clone(), key.kind.clone());
        let others = |kind: &str| {
            format!("select count(*) as count from {} where typeof({}) <> '{kind}'", quoted(table), quoted(&column))
        };
        Ok(match schema.conn() {
            Conn::Pg(_) => {
                let is_integer = ["smallint", "integer", "bigint"].contains(&&*kind);
                let cast = Some(if is_integer { "bigint".to_owned() } else { kind.clone() });
                Self { column, kind, is_integer, is_plain_uuid: false, cast, is_mixed: false }
            }
            // SQLite does not enforce a column's type, so the values are checked.
            Conn::Sqlite(_) => {
                let is_integer = schema.count(&others("integer"))? == 0;
                let is_mixed = !is_integer && schema.count(&others("text"))? > 0;
                if is_mixed {
                    refuse_equal_keys(schema, table, &column)?;
                }
                let is_plain_uuid = kind.eq_ignore_ascii_case("char(32)");
                Self { column, kind, is_integer, is_plain_uuid, cast: is_integer.then(|| "integer".into()), is_mixed }
            }
        })
    }

    /// A column that holds a user's key, to be compared.
    pub fn compared(&self, column: &str) -> String {
        if self.is_mixed { format!("cast({column} as text)") } else { column.to_owned() }
    }

    /// The parameter `$number`, which is a key as text.
    pub fn parameter(&self, number: u32) -> String {
        self.cast.as_ref().map_or_else(|| format!("${number}"), |kind| format!("cast(${number} as {kind})"))
    }

    /// The key as Django's `str(user.pk)` shows it.
    pub fn shown(&self, key: &str) -> String {
        let is_hex = key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !self.is_plain_uuid || !is_hex {
            return key.to_owned();
        }
        [&key[..8], &key[8..12], &key[12..16], &key[16..20], &key[20..]].join("-")
    }
}

/// Keys are compared as texts where they are of several types: the number 1 and the text 1 would be one user.
fn refuse_equal_keys(schema: &mut Schema<'_>, table: &str, column: &str) -> Result<(), StoreError> {
    let (text, table) = (format!("cast({} as text)", quoted(column)), quoted(table));
    let twice = format!("select {text} as word from {table} group by {text} having count(*) > 1 order by 1 limit 5");
    let words = schema.words(&twice)?;
    if words.is_empty() {
        return Ok(());
    }
    Err(StoreError::Unusable(format!(
        "{} has two users with one key, as a number and as a text: {}",
        schema.origin(),
        words.join(", ")
    )))
}

/// The primary key; `id` if the primary key is not a single column. A view has no primary key.
fn primary_key<'a>(columns: &'a [Column], table: &str, is_view: bool) -> Result<&'a Column, StoreError> {
    let keys: Vec<&Column> = columns.iter().filter(|column| column.key).collect();
    match keys[..] {
        [key] => Ok(key),
        _ => columns.iter().find(|column| column.is("id")).ok_or_else(|| {
            StoreError::Unusable(if is_view {
                format!("the view {table} has no column id: jeton's users have one id")
            } else {
                format!("the table {table} has no primary key of one column: jeton's users have one id")
            })
        }),
    }
}
