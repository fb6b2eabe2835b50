//! The queries that read a table of tokens.

use crate::domain::django::TokenTable;

/// A table of tokens, and the queries that read it.
#[derive(Clone, Debug)]
pub struct TokenQueries {
    pub table: String,
    pub kind: TokenTable,
    /// The column of the key or digest, for messages.
    pub key_column: String,
    /// The column of the key's first characters, for messages.
    pub hint_column: String,
    /// The next tokens of the users `$1` to `$2`, after the token `$3` of the first; at most `$4`.
    pub page: String,
    /// How many tokens there are.
    pub count: String,
    /// Rows whose key is NULL, empty or no text.
    pub without_key: String,
    pub reads: String,
}
