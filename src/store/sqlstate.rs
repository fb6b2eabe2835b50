//! Turns Diesel's errors into the store's: PostgreSQL's by SQLSTATE, because their text is in the server's language.
//!
//! `pq-sys/` makes Diesel return the code as an error's hint. SQLite, and libpq itself, give no code.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};

use super::error::StoreError;
use super::grants::grants;
use crate::domain::safe_text::one_line;

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        let (kind, info) = match error {
            DieselError::DatabaseError(kind, info) => (kind, info),
            DieselError::RollbackErrorOnCommit { commit_error, .. } => return (*commit_error).into(),
            DieselError::BrokenTransactionManager => return Self::Unavailable("the connection broke".into()),
            other => return Self::Failed(one_line(&other.to_string())),
        };
        let words = one_line(info.message());
        match (kind, of(&*info)) {
            (DatabaseErrorKind::UniqueViolation, _) => Self::Taken,
            (
                DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::SerializationFailure,
                _,
            ) => Self::Unavailable(words),
            (_, Some(code)) => error_of(code, words),
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

/// The SQLSTATE of an error from the server.
pub fn of(info: &(dyn DatabaseErrorInformation + Send + Sync)) -> Option<&str> {
    let is_code = |text: &&str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    info.hint().filter(is_code)
}

/// The error for this code and text.
pub fn error_of(code: &str, words: String) -> StoreError {
    match code {
        // A standby, or a server that is closed to writes.
        "25006" => StoreError::ReadOnly(words),
        // A prepared statement is missing, or exists already: the session is one that a transaction pooler shares.
        "26000" | "42P05" => StoreError::Pooled(words),
        // "cached plan must not change result type": a column of the statement has another type or collation now.
        "0A000" => StoreError::Outdated(words),
        // The disk is full. The rest of class 53 are other missing resources; class 08 is the connection, 40 a deadlock
        // or serialization failure. Then come timeouts of idle sessions, locks and statements, and a server that stops
        // or starts.
        "53100" => StoreError::Disk(words),
        _ if ["08", "40", "53"].contains(&&code[..2]) => StoreError::Unavailable(words),
        "25P03" | "25P04" | "55P03" | "57014" | "57P01" | "57P02" | "57P03" | "57P05" => StoreError::Unavailable(words),
        "42501" => StoreError::Failed(format!("{words}; {}", grants("SCHEMA", "ROLE"))),
        _ => StoreError::Failed(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_decide_and_not_messages() {
        for code in ["40001", "40P01", "53200", "53300", "55P03", "57014", "57P01", "57P03", "08006"] {
            assert!(
                matches!(error_of(code, "Wörter".into()), StoreError::Unavailable(words) if words == "Wörter"),
                "{code}"
            );
        }
        assert!(matches!(error_of("25006", String::new()), StoreError::ReadOnly(_)));
        assert!(matches!(error_of("26000", String::new()), StoreError::Pooled(_)));
        assert!(matches!(error_of("0A000", String::new()), StoreError::Outdated(_)));
        for code in ["22P02", "23514", "42501", "42P01", "XX000"] {
            assert!(matches!(error_of(code, "a lock timeout".into()), StoreError::Failed(_)), "{code}");
        }
    }

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
