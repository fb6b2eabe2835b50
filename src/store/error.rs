//! What a store can fail with.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::sqlstate;
use crate::domain::safe_text::one_line;

/// What a store can fail with.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or is too slow; asking again later may help.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// It is known to be down, and was not asked.
    #[error("the database is not available: {0}")]
    Down(String),
    /// The server is read-only: another one must be used.
    #[error("the database is not available: {0}")]
    ReadOnly(String),
    /// The session does not keep its state, as behind a transaction pooler.
    #[error("the database is not available: {0}")]
    Pooled(String),
    /// The connection prepared a statement of which the answer has another form now, as after a migration.
    #[error("the database is not available: {0}")]
    Outdated(String),
    /// Its disk is full, or fails; asking again may help once there is room.
    #[error("the database's disk is full or fails: {0}")]
    Disk(String),
    /// A name or digest that must be unique is there already.
    #[error("it already exists")]
    Taken,
    /// The change would leave no active superuser.
    #[error("this is the last active superuser")]
    LastSuperuser,
    /// The database is there but not as this jeton needs it.
    #[error("{0}")]
    Unusable(String),
    /// A statement failed for another reason: a defect of ours or a damaged database.
    #[error("the database refused a statement: {0}")]
    Failed(String),
}

impl StoreError {
    /// Whether asking again later may help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_)
                | Self::Down(_)
                | Self::ReadOnly(_)
                | Self::Pooled(_)
                | Self::Outdated(_)
                | Self::Disk(_)
        )
    }

    /// The log level where the error comes up. That the database is down, or its disk full, is logged once by the store
    /// itself, and refused requests come by the thousand.
    #[must_use]
    pub const fn level(&self) -> log::Level {
        match self {
            Self::Disk(_) | Self::Down(_) => log::Level::Debug,
            _ => log::Level::Warn,
        }
    }
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        let (kind, info) = match error {
            DieselError::DatabaseError(kind, info) => (kind, info),
            DieselError::RollbackErrorOnCommit { commit_error, .. } => return (*commit_error).into(),
            DieselError::BrokenTransactionManager => return Self::Unavailable("the connection broke".into()),
            other => return Self::Failed(one_line(&other.to_string())),
        };
        let words = one_line(info.message());
        match (kind, sqlstate::of(&*info)) {
            (DatabaseErrorKind::UniqueViolation, _) => Self::Taken,
            (
                DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::SerializationFailure,
                _,
            ) => Self::Unavailable(words),
            (_, Some(code)) => sqlstate::error(code, words),
            (_, None) if says_disk(info.message()) => Self::Disk(words),
            (DatabaseErrorKind::ReadOnlyTransaction, None) => Self::ReadOnly(words),
            (_, None) if says_passing(info.message()) => Self::Unavailable(words),
            (_, None) => Self::Failed(words),
        }
    }
}

/// SQLite, and libpq itself, give no codes, only English words.
fn says_passing(message: &str) -> bool {
    [
        "timeout",
        "locked",
        "deadlock",
        "terminating connection",
        "starting up",
        "shutting down",
        "recovery",
        "server closed",
    ]
    .iter()
    .any(|word| message.contains(word))
}

/// SQLite's words for SQLITE_FULL, SQLITE_IOERR and SQLITE_READONLY, and the system's, which PostgreSQL adds to its own:
/// they decide where its error comes without a code.
fn says_disk(message: &str) -> bool {
    ["database or disk is full", "disk I/O error", "attempt to write a readonly database", "No space left on device"]
        .iter()
        .any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_decide_where_there_is_no_code() {
        let of = |words: &str| {
            StoreError::from(DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(words.to_owned())))
        };
        for words in ["database or disk is full", "could not extend file \"base/5/16384\": No space left on device"] {
            assert!(matches!(of(words), StoreError::Disk(_)), "{words}");
        }
        for words in ["database is locked", "canceling statement due to lock timeout"] {
            assert!(matches!(of(words), StoreError::Unavailable(_)), "{words}");
        }
        assert!(matches!(of("no such table: tokens"), StoreError::Failed(_)));
    }
}
