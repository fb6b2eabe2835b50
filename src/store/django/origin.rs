//! Where a source came from, for messages.

use std::fmt;
use std::path::PathBuf;

use diesel::result::Error as DieselError;

use super::super::StoreError;
use crate::domain::database_url::DatabaseUrl;

/// A database, or what `manage.py dumpdata` wrote.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A database, which is only read.
    Database(DatabaseUrl),
    /// A file; `-` is standard input.
    Dump(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(url) => url.fmt(f),
            Self::Dump(path) => path.display().fmt(f),
        }
    }
}

impl Origin {
    pub(super) fn cannot_read(&self, error: DieselError) -> StoreError {
        let advice = match (self, &error) {
            (_, DieselError::DatabaseError(_, info)) if info.message() == "database is locked" => {
                "another process is writing to it; try again, or import a copy"
            }
            // A killed process left a journal that must be rolled back first, which needs write access.
            (_, DieselError::DatabaseError(_, info)) if info.message() == "attempt to write a readonly database" => {
                "the last process that wrote to it was killed, and left a journal beside it; let Django, or sqlite3, open it once"
            }
            (Self::Database(_), _) => "check that --from names Django's own database",
            (Self::Dump(_), _) => {
                "check that there is space for a copy of it in the folder for temporary files (TMPDIR)"
            }
        };
        self.unusable("cannot read", error, advice)
    }

    pub(super) fn unusable(&self, what: &str, error: impl fmt::Display, advice: &str) -> StoreError {
        // libpq's messages have several lines.
        let words = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        let words = words.trim_end_matches('.');
        let words = match self {
            Self::Database(url) => url.scrub(words),
            Self::Dump(_) => words.to_owned(),
        };
        StoreError::Unusable(format!("{what} {self}: {words}; {advice}"))
    }
}
