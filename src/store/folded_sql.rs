//! Texts without their case and accents, in the databases' SQL.

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::Bool;

use super::StoreError;
use super::connection::Conn;

/// PostgreSQL's expression for `domain::folded` of what stands between the two parts. Usernames have the collation "C",
/// which lowers ASCII only; the database's default collation knows all letters. The database folds both sides, so that a
/// word matches itself even if the database does not know the lower case of its letters.
const FOLDED_UTF8: (&str, &str) = (
    "replace(replace(replace(translate(regexp_replace(normalize(lower((",
    ") collate \"default\"), NFKD), '[\\u0300-\\u036f]', '', 'g'), 'łøđıħŧς', 'lodihtσ'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe')",
);

/// The same in a database of another encoding, which does not know what a letter is.
const FOLDED_BYTES: (&str, &str) = ("lower((", ") collate \"default\")");

/// Whose SQL a query is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL, with the parts of its expression for folded text.
    Postgres((&'static str, &'static str)),
    Sqlite,
}

impl Engine {
    pub fn of(conn: &mut Conn) -> Result<Self, StoreError> {
        let pg = match conn {
            Conn::Pg(pg) => pg,
            Conn::Sqlite(_) => return Ok(Self::Sqlite),
        };
        let is_utf8: bool = diesel::select(sql::<Bool>("getdatabaseencoding() = 'UTF8'")).get_result(pg)?;
        Ok(Self::Postgres(if is_utf8 { FOLDED_UTF8 } else { FOLDED_BYTES }))
    }

    /// The expression for `domain::folded` of another one.
    pub fn folded(self, expression: &str) -> String {
        match self {
            Self::Postgres((before, after)) => format!("{before}{expression}{after}"),
            Self::Sqlite => format!("folded({expression})"),
        }
    }

    /// The same, several times as fast in PostgreSQL for texts in ASCII, which have no accents.
    pub fn folded_mostly_ascii(self, expression: &str) -> String {
        match self {
            Self::Postgres(_) => format!(
                "case when octet_length({expression}) = char_length({expression}) \
                 then lower(({expression}) collate \"C\") collate \"default\" else {} end",
                self.folded(expression)
            ),
            Self::Sqlite => self.folded(expression),
        }
    }
}

/// A text as a part of a pattern of `like`.
pub fn like_escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
