//! What a store can fail with.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::sqlstate;
use crate::domain::safe_text::one_line;

/// What a store can fail with.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, or is too slow. Trying again later may help.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The database is known to be down, so no query was sent.
    #[error("the database is not available: {0}")]
    Down(String),
    /// The server is read-only. Another one must be used.
    #[error("the database is not available: {0}")]
    ReadOnly(String),
    /// The session does not keep its state, as behind a transaction pooler.
    #[error("the database is not available: {0}")]
    Pooled(String),
    /// A prepared statement of the connection has other result columns now, as after a migration.
    #[error("the database is not available: {0}")]
    Outdated(String),
    /// The disk is full or fails. Trying again may help once there is space.
    #[error("the database's disk is full or fails: {0}")]
    Disk(String),
    /// A name or digest that must be unique exists already.
    #[error("it already exists")]
    Taken,
    /// The change would leave no active superuser.
    #[error("this is the last active superuser")]
    LastSuperuser,
    /// The database is reachable, but not usable by this jeton.
    #[error("{0}")]
    Unusable(String),
    /// A statement failed for another reason: a defect of ours or a damaged database.
    #[error("the database refused a statement: {0}")]
    Failed(String),
}

impl StoreError {
    /// Whether trying again later may help.
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

    /// The log level for a request that fails with this error. That the database is down or its disk is full is logged
    /// once by the store itself, because thousands of requests may fail.
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
            (_, None) if is_disk_message(info.message()) => Self::Disk(words),
            (DatabaseErrorKind::ReadOnlyTransaction, None) => Self::ReadOnly(words),
            (_, None) if is_transient_message(info.message()) => Self::Unavailable(words),
            (_, None) => Self::Failed(words),
        }
    }
}

/// SQLite, and libpq itself, give no codes, only English messages.
fn is_transient_message(message: &str) -> bool {
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

/// SQLite's messages for SQLITE_FULL, SQLITE_IOERR and SQLITE_READONLY, and the system's message, which PostgreSQL adds
/// to its own. They decide if an error has no code.
fn is_disk_message(message: &str) -> bool {
    ["database or disk is full", "disk I/O error", "attempt to write a readonly database", "No space left on device"]
        .iter()
        .any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_decides_if_there_is_no_code() {
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
