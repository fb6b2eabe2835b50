//! What the operator decided.

use std::time::Duration;

use crate::domain::profile::ProfileField;
use crate::domain::rate::Rate;
use crate::domain::time::Timestamp;
use crate::domain::token::TokenMode;

/// The operator's settings, by the names that they have in the configuration.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(Default))]
pub struct Policy {
    /// One login token a user, or one a login.
    pub token_mode: TokenMode,
    /// How long a login token lives.
    pub token_ttl: Option<Duration>,
    /// Whether each use extends the expiry.
    pub token_auto_refresh: bool,
    /// The smallest extension of an expiry that is written.
    pub token_min_refresh_interval: Duration,
    /// The greatest age that refreshes can give a token.
    pub token_max_ttl: Option<Duration>,
    /// What new keys begin with.
    pub token_prefix: Option<String>,
    /// How long rows of ended tokens stay.
    pub retention: Duration,
    /// How long entries of the audit log stay.
    pub audit_retention: Duration,
    /// How many live login tokens a user may have.
    pub token_limit_per_user: Option<u32>,
    /// Scopes of login tokens, separated by blanks.
    pub login_scope: String,
    /// Scopes that users may give tokens of their own, separated by blanks.
    pub user_scopes: String,
    /// How many live named tokens users may create for themselves.
    pub named_tokens_per_user: Option<u32>,
    /// The longest lifetime of a named token that users create for themselves.
    pub named_token_max_ttl: Option<Duration>,
    /// Fields of their own record that users may change.
    pub profile_fields: Vec<String>,
    /// `iss` in introspection.
    pub issuer: Option<String>,
    /// Failed logins by client address.
    pub login_limit_address: Option<Rate>,
    /// Failed logins by username and client address.
    pub login_limit_user: Option<Rate>,
    /// Failed logins by username.
    pub login_limit_account: Option<Rate>,
    /// Failed client credentials by client address.
    pub client_limit_address: Option<Rate>,
    /// Memory for introspection answers, in bytes.
    pub cache_bytes: u64,
    /// How long after a revocation a cached answer may be served at most.
    pub revocation_bound: Duration,
    /// How much longer cached answers may be served while the database is down.
    pub stale_if_error: Duration,
}

impl Policy {
    /// The expiry of a login token that is created now: after its TTL, and never after the greatest age that refreshes
    /// allow.
    pub(super) fn login_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        let greatest_age = self.token_max_ttl.filter(|_| self.token_auto_refresh);
        self.token_ttl.map(|ttl| now.after(greatest_age.map_or(ttl, |age| ttl.min(age))))
    }

    /// The fields of their own record that users may change.
    #[must_use]
    pub fn own_profile_fields(&self) -> Vec<ProfileField> {
        let may_change = |field: &ProfileField| self.profile_fields.iter().any(|name| name == field.name());
        ProfileField::OWN.into_iter().filter(may_change).collect()
    }

    /// How old an answer may be, if the database is down.
    #[must_use]
    pub const fn max_age(&self) -> Duration {
        self.revocation_bound.saturating_add(self.stale_if_error)
    }

    /// The field `proof` of `/readyz`: whether it is proved that this cache has received every change, so that it may
    /// answer. `ok`; `stale`: past the bound, but within `JETON_STALE_IF_ERROR`; `none`; `off`: there is no cache.
    /// `age`: how old the last sync is.
    pub(super) fn proof(&self, is_on: bool, age: Option<Duration>) -> &'static str {
        match age {
            _ if !is_on => "off",
            Some(age) if age < self.revocation_bound => "ok",
            Some(age) if age < self.max_age() => "stale",
            _ => "none",
        }
    }
}
