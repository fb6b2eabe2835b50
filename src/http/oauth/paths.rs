//! The paths of the OAuth endpoints. Requests to them that are refused before a route is found get OAuth's errors, too.

/// RFC 7662.
pub const INTROSPECT: &str = "/introspect";
/// The same for many tokens.
pub const BATCH: &str = "/introspect/batch";
/// What has changed since.
pub const CHANGES: &str = "/changes";
/// RFC 7009.
pub const REVOKE: &str = "/revoke";

/// All of them.
pub const ALL: [&str; 4] = [INTROSPECT, BATCH, CHANGES, REVOKE];
