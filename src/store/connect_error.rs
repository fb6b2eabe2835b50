//! Why a connection could not be opened.

use std::fmt;

use diesel::ConnectionError;

use super::tls;
use crate::domain::safe_text::one_line;

/// libpq's message about `PGSSLMODE=require` and the like, when it has no TLS.
const WITHOUT_TLS: &str = "SSL support is not compiled in";

/// The error for a pooler that assigns a session for one statement only.
pub const NO_TRANSACTIONS: &str = "no transaction can be begun, as behind a pooler in statement mode, which jeton \
                                   cannot use: let DATABASE_URL go to PostgreSQL itself, or to a pooler in session or \
                                   transaction mode";

/// Why a connection could not be opened, without the password.
#[derive(Debug)]
pub struct ConnectError(pub String);

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConnectError {}

impl ConnectError {
    /// Whether the server has answered, and will give the same answer again. Recognised by English words, because libpq
    /// gives no code here; a message in another language counts as temporary.
    pub fn is_permanent(&self) -> bool {
        let words = [
            "authentication failed",
            "no password supplied",
            "no pg_hba.conf entry",
            "permission denied for",
            WITHOUT_TLS,
        ];
        words.iter().any(|words| self.0.contains(words))
            || self.0.contains(NO_TRANSACTIONS)
            || (self.0.contains("FATAL:") && self.0.contains("does not exist"))
    }

    /// Whether a server has answered with a refusal. In every language the server's message begins with a word, a colon
    /// and two blanks.
    pub fn is_refusal(&self) -> bool {
        let said = |words: &str| words.split_once(":  ").is_some_and(|(word, _)| !word.contains(": "));
        self.0.split("failed: ").skip(1).any(said)
    }
}

impl From<ConnectionError> for ConnectError {
    fn from(error: ConnectionError) -> Self {
        let words = one_line(&error.to_string());
        Self(if words.contains(WITHOUT_TLS) { format!("{words}; {}", tls::HOW_TO_BUILD) } else { words })
    }
}

impl From<diesel::result::Error> for ConnectError {
    fn from(error: diesel::result::Error) -> Self {
        Self(one_line(&error.to_string()))
    }
}
