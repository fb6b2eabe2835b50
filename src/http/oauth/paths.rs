//! The paths of the OAuth endpoints, which the metadata and the fast lane name too.

/// RFC 7662.
pub const INTROSPECT: &str = "/introspect";
/// The same for many tokens.
pub const BATCH: &str = "/introspect/batch";
/// The changes of tokens, for services that remember answers.
pub const CHANGES: &str = "/changes";
/// RFC 7009.
pub const REVOKE: &str = "/revoke";
/// Forward-auth; any path below it works too.
pub const VERIFY: &str = "/auth/verify";
