//! The operator's settings for tokens, the cache, limits and retention.

use super::reader::Reader;
use super::setting::plain;
use super::{parsers, setting_parsers};
use crate::domain::duration;
use crate::service::Policy;

#[expect(clippy::too_many_lines, reason = "a list of settings, each with its row")]
pub fn policy(from: &mut Reader<'_>) -> Policy {
    let retention = from.under("Retention").read(
        plain("JETON_RETENTION", "30d", "how long revoked and expired tokens and audit entries are kept"),
        parsers::positive_duration,
    );
    let audit_retention = from.maybe(
        plain("JETON_AUDIT_RETENTION", "", "how long audit entries are kept; by default JETON_RETENTION"),
        parsers::positive_duration,
    );
    let login_scope = from
        .under("Tokens")
        .maybe(
            plain("JETON_LOGIN_SCOPE", "", "scopes of new login tokens, separated by spaces"),
            setting_parsers::scopes,
        )
        .unwrap_or_default();
    Policy {
        token_mode: from.read(
            plain(
                "JETON_TOKEN_MODE",
                "single",
                "single: one login token per user (DRF); multiple: one per login (Knox)",
            ),
            setting_parsers::token_mode,
        ),
        token_ttl: from.read(
            plain("JETON_TOKEN_TTL", "none", "how long login tokens live, for example 10h or 30d"),
            parsers::optional_duration,
        ),
        token_auto_refresh: from
            .read(plain("JETON_TOKEN_AUTO_REFRESH", "false", "whether each use extends the expiry"), parsers::boolean),
        token_min_refresh_interval: from.read(
            plain("JETON_TOKEN_MIN_REFRESH_INTERVAL", "60s", "the smallest extension of an expiry that is written"),
            duration::parse,
        ),
        token_max_ttl: from.read(
            plain(
                "JETON_TOKEN_MAX_TTL",
                "none",
                "a refreshed token expires at the latest this long after its creation",
            ),
            parsers::optional_duration,
        ),
        token_limit_per_user: from.read(
            plain("JETON_TOKEN_LIMIT_PER_USER", "none", "how many live login tokens a user may have in multiple mode"),
            parsers::optional_count,
        ),
        token_prefix: from.maybe(
            plain("JETON_TOKEN_PREFIX", "", "new keys begin with it and end with a checksum, for secret scanners"),
            setting_parsers::token_prefix,
        ),
        user_scopes: from
            .maybe(
                plain(
                    "JETON_USER_SCOPES",
                    "",
                    "scopes users may give their own tokens; by default JETON_LOGIN_SCOPE; `none`: no scopes",
                ),
                setting_parsers::scopes_or_none,
            )
            .unwrap_or_else(|| login_scope.clone()),
        named_tokens_per_user: from.read(
            plain("JETON_NAMED_TOKENS_PER_USER", "50", "how many live named tokens a user may create; none: no limit"),
            parsers::optional_count,
        ),
        named_token_max_ttl: from.read(
            plain(
                "JETON_NAMED_TOKEN_MAX_TTL",
                "none",
                "the longest lifetime of a named token that a user creates; an expiry is then required",
            ),
            parsers::optional_duration,
        ),
        profile_fields: from.read(
            plain("JETON_PROFILE_FIELDS", "first_name,last_name", "fields that users may change in their own record"),
            setting_parsers::profile_fields,
        ),
        issuer: from.maybe(
            plain("JETON_ISSUER", "", "iss in introspection, and the base of the metadata's URLs and of password links"),
            setting_parsers::issuer,
        ),
        cache_bytes: from
            .under("Cache")
            .read(plain("JETON_CACHE_BYTES", "64MiB", "memory for introspection answers; 0: no cache"), parsers::bytes),
        revocation_bound: from.read(
            plain(
                "JETON_REVOCATION_BOUND",
                "1s",
                "how long after a revocation a cached answer may still be given; the same for all nodes, edges and \
                 commands of a database",
            ),
            parsers::positive_duration,
        ),
        stale_if_error: from.read(
            plain(
                "JETON_STALE_IF_ERROR",
                "0s",
                "how long past the bound the cache answers when the database is down; what is revoked at another node is \
                 not seen meanwhile",
            ),
            duration::parse,
        ),
        login_limit_address: from.under("Limits on failures").read(
            plain(
                "JETON_LOGIN_LIMIT_ADDRESS",
                "100/min",
                "failed logins by client address (IPv6 by /64), on each node; none: no limit",
            ),
            parsers::limit,
        ),
        login_limit_user: from.read(
            plain("JETON_LOGIN_LIMIT_USER", "10/min", "failed logins by username and address; none: no limit"),
            parsers::limit,
        ),
        login_limit_account: from.read(
            plain(
                "JETON_LOGIN_LIMIT_ACCOUNT",
                "100/hour",
                "failed logins by username, from everywhere; none: no limit",
            ),
            parsers::limit,
        ),
        client_limit_address: from.read(
            plain(
                "JETON_CLIENT_LIMIT_ADDRESS",
                "1000/min",
                "failed client credentials by client address; none: no limit",
            ),
            parsers::limit,
        ),
        login_scope,
        retention,
        audit_retention: audit_retention.unwrap_or(retention),
    }
}
