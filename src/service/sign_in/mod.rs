//! Signing in with a password: logins, sessions of browsers, and limits on failed logins.

mod confirm;
mod last_logins;
mod login;
mod login_check;
mod login_limits;
mod sessions;

use std::sync::Arc;

use super::base::Base;
use super::counted_hashes::CountedHashes;
use super::database::Database;
use super::hasher::Hasher;
use super::login_tokens::LoginTokens;
use super::metrics::Metrics;
use super::policy::Policy;
use crate::domain::time::{Clock, Uptime};
pub(in crate::service) use confirm::Confirmed;
use last_logins::LastLogins;
pub use login::{LoggedIn, Login};
use login_limits::LoginLimits;
pub use sessions::{Once, Session, SignedIn};

/// Checks passwords.
pub struct SignIn {
    database: Database,
    clock: Clock,
    policy: Arc<Policy>,
    metrics: Arc<Metrics>,
    login_tokens: Arc<LoginTokens>,
    hasher: Hasher,
    counted_hashes: Arc<CountedHashes>,
    login_limits: LoginLimits,
    last_logins: LastLogins,
}

impl SignIn {
    pub(in crate::service) fn new(
        base: &Base,
        login_tokens: &Arc<LoginTokens>,
        hasher: &Hasher,
        counted_hashes: &Arc<CountedHashes>,
    ) -> Self {
        Self {
            database: base.database.clone(),
            clock: base.clock.clone(),
            policy: Arc::clone(&base.policy),
            metrics: Arc::clone(&base.metrics),
            login_tokens: Arc::clone(login_tokens),
            hasher: hasher.clone(),
            counted_hashes: Arc::clone(counted_hashes),
            login_limits: LoginLimits::new(&base.policy),
            last_logins: LastLogins::default(),
        }
    }

    /// Forgets failures that no longer count, and frees their memory.
    pub(in crate::service) fn sweep_limits(&self, now: Uptime) {
        self.login_limits.sweep(now);
    }
}
