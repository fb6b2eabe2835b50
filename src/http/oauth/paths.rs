//! The paths of the OAuth endpoints. Requests that are refused before they reach a route get OAuth's form of errors, too.

/// RFC 7662.
pub const INTROSPECT: &str = "/introspect";
/// The same for many tokens.
pub const BATCH: &str = "/introspect/batch";
/// RFC 7009.
pub const REVOKE: &str = "/revoke";

/// All of them.
pub const ALL: [&str; 3] = [INTROSPECT, BATCH, REVOKE];
