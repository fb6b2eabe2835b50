//! Where the OAuth endpoints are. Even who gets no further than the edge is refused there in their form.

/// RFC 7662.
pub const INTROSPECT: &str = "/introspect";
/// The same for many tokens.
pub const BATCH: &str = "/introspect/batch";
/// RFC 7009.
pub const REVOKE: &str = "/revoke";

/// All of them.
pub const ALL: [&str; 3] = [INTROSPECT, BATCH, REVOKE];
