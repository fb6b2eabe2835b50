//! Maps PostgreSQL's errors by SQLSTATE, because their text is in the server's language.
//!
//! `pq-sys/` makes Diesel return the code as an error's hint. SQLite, and libpq itself, give no code.

use diesel::result::DatabaseErrorInformation;

use super::StoreError;
use super::schema_state::grants;

/// The SQLSTATE of an error from the server.
pub fn of(info: &(dyn DatabaseErrorInformation + Send + Sync)) -> Option<&str> {
    let is_code = |text: &&str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    info.hint().filter(is_code)
}

/// The error for this code and text.
pub fn error(code: &str, words: String) -> StoreError {
    match code {
        // A standby, or a server that is closed to writes.
        "25006" => StoreError::ReadOnly(words),
        // A prepared statement is missing, or exists already: the session is one that a transaction pooler shares.
        "26000" | "42P05" => StoreError::Pooled(words),
        // "cached plan must not change result type": a column of the statement has another type or collation now.
        "0A000" => StoreError::Outdated(words),
        // Class 08 is the connection, 40 a deadlock or serialization failure, 53 missing resources. The others are
        // timeouts of idle sessions, locks and statements, and a server that stops or starts.
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
                matches!(error(code, "Wörter".into()), StoreError::Unavailable(words) if words == "Wörter"),
                "{code}"
            );
        }
        assert!(matches!(error("25006", String::new()), StoreError::ReadOnly(_)));
        assert!(matches!(error("26000", String::new()), StoreError::Pooled(_)));
        assert!(matches!(error("0A000", String::new()), StoreError::Outdated(_)));
        for code in ["22P02", "23514", "42501", "42P01", "XX000"] {
            assert!(matches!(error(code, "a lock timeout".into()), StoreError::Failed(_)), "{code}");
        }
    }
}
