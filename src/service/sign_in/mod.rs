//! Signing in with a password: logins, sessions of the console, limits on failed logins, and the hashing pool.

mod confirm;
mod hash_costs;
pub mod hasher;
mod last_logins;
mod login;
mod login_check;
mod login_limits;
mod login_refusal;
mod sessions;

use std::sync::Arc;

use super::login_tokens::LoginTokens;
use super::{Base, Database, Metrics, Policy};
use crate::domain::time::Clock;
use crate::store::StoreError;
use hash_costs::CountedHashes;
pub use hasher::{Hasher, HasherOptions};
use last_logins::LastLogins;
pub use login::{LoggedIn, Login};
use login_limits::LoginLimits;
pub use login_refusal::LoginRefusal;
pub use sessions::Session;

/// Checks passwords.
pub struct SignIn {
    database: Database,
    clock: Clock,
    policy: Arc<Policy>,
    metrics: Arc<Metrics>,
    login_tokens: Arc<LoginTokens>,
    pub(in crate::service) hasher: Hasher,
    pub(in crate::service) counted: CountedHashes,
    pub(in crate::service) login_limits: LoginLimits,
    last_logins: LastLogins,
}

impl SignIn {
    /// # Errors
    /// When the database does not answer.
    pub(in crate::service) fn new(
        base: &Base,
        login_tokens: &Arc<LoginTokens>,
        hasher: Hasher,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            database: base.database.clone(),
            clock: base.clock.clone(),
            policy: Arc::clone(&base.policy),
            metrics: Arc::clone(&base.metrics),
            login_tokens: Arc::clone(login_tokens),
            counted: CountedHashes::open(&base.database.store, hasher.max_memory_kib())?,
            hasher,
            login_limits: LoginLimits::new(&base.policy),
            last_logins: LastLogins::default(),
        })
    }
}
