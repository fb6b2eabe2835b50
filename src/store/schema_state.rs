//! The state of the database's schema for this binary, and the messages for states that cannot be used.

use std::path::Path;

use super::error::StoreError;
use super::known_migrations::newest;
use crate::domain::database_url::DatabaseUrl;

/// The state of the database's schema for this binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// The schema is the one that this binary knows.
    Current,
    /// Migrations must be run.
    Behind,
    /// It has a migration that this binary does not know, but can work with.
    Ahead,
    /// It has a migration that this binary does not know, and cannot work with.
    Newer {
        /// That migration.
        unknown: String,
        /// The newest of the migrations that a version of jeton must know to work with it.
        needs: String,
    },
    /// There are no tables at all.
    Missing,
    /// There are tables, but not jeton's.
    Foreign(Foreign),
    /// This role may not read jeton's tables: why, and who can change that.
    Forbidden(String),
}

/// Tables of another program, where jeton would create its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The schema that holds them, in PostgreSQL.
    pub(super) schema: Option<String>,
    /// Some of them.
    pub(super) tables: Vec<String>,
    /// How many there are.
    pub(super) count: usize,
}

impl SchemaState {
    /// Whether this binary can work with it.
    #[must_use]
    pub const fn is_usable(&self) -> bool {
        matches!(self, Self::Current | Self::Ahead)
    }

    /// Why a database in this state cannot be used.
    pub(super) fn refusal(self, url: &DatabaseUrl) -> Option<StoreError> {
        let why = match self {
            Self::Current | Self::Ahead => return None,
            Self::Behind => {
                let newest = newest(url);
                format!(
                    "the database {url} was made by an older jeton, and this one needs the migration {newest}: run `jeton migrate`"
                )
            }
            Self::Newer { unknown, needs } => format!(
                "the database has the migration {unknown}, which this jeton does not know: it was made by a newer jeton. \
                 It needs a jeton that knows the migration {needs}; the newest that this one knows is {}. Run a newer \
                 jeton, or restore a backup",
                newest(url)
            ),
            Self::Missing => {
                format!("there is no database of jeton's at {url}: `jeton serve` or `jeton migrate` creates it")
            }
            Self::Foreign(foreign) => foreign.refusal(url),
            Self::Forbidden(why) => why,
        };
        Some(StoreError::Unusable(why))
    }

    /// Why a database in this state has nothing to back up.
    pub(super) fn refusal_to_copy(self, url: &DatabaseUrl) -> Option<StoreError> {
        match self {
            Self::Behind | Self::Newer { .. } => None,
            other => other.refusal(url),
        }
    }

    /// Why this binary cannot restore a backup in this state.
    pub(super) fn refusal_to_restore(self, backup: &Path) -> Option<StoreError> {
        let why = match self {
            Self::Current | Self::Ahead | Self::Behind => return None,
            Self::Newer { unknown, .. } => {
                format!("has the migration {unknown}, which this jeton does not know: restore it by a newer jeton")
            }
            Self::Missing => "holds no tables: it is no backup, or a copy that lacks the log (-wal) beside it".into(),
            Self::Foreign(foreign) => format!("holds tables that are not jeton's ({})", foreign.names()),
            Self::Forbidden(why) => why,
        };
        Some(StoreError::Unusable(format!("{} {why}", backup.display())))
    }
}

impl Foreign {
    fn names(&self) -> String {
        let shown: Vec<&str> = self.tables.iter().take(4).map(String::as_str).collect();
        let more = self.count.saturating_sub(shown.len());
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        format!("{}{more}", shown.join(", "))
    }

    fn refusal(&self, url: &DatabaseUrl) -> String {
        let tables = self.names();
        match &self.schema {
            None => format!(
                "{url} holds tables that are not jeton's ({tables}), and is left as it is: \
                 name a file of jeton's own, for example DATABASE_URL=sqlite://jeton.db"
            ),
            Some(schema) => {
                let separator = if url.has_parameters() { '&' } else { '?' };
                format!(
                    "the schema {schema} of {url} holds tables that are not jeton's ({tables}), and is left as it is: \
                     give jeton a schema of its own, by `create schema jeton` and \
                     {separator}options=-csearch_path%3Djeton at the end of DATABASE_URL, or a database of its own"
                )
            }
        }
    }
}
