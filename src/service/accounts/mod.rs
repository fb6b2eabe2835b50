//! Users and clients: creates, changes and deletes them, and lists the audit log.

mod audit;
mod bootstrap;
mod clients;
mod groups;
mod users;

use std::sync::Arc;

use super::base::Base;
use super::database::Database;
use super::hasher::Hasher;
use super::login_tokens::LoginTokens;
use super::policy::Policy;
use super::sign_in::SignIn;
use crate::domain::time::Clock;
pub use bootstrap::{Bootstrap, FirstStart};
pub use clients::{RotateOptions, RotatedClient};
pub use users::{UserDraft, UserPatch};

/// Users and clients.
pub struct Accounts {
    database: Database,
    clock: Clock,
    policy: Arc<Policy>,
    login_tokens: Arc<LoginTokens>,
    hasher: Hasher,
    sign_in: Arc<SignIn>,
}

impl Accounts {
    pub(in crate::service) fn new(
        base: &Base,
        login_tokens: &Arc<LoginTokens>,
        hasher: &Hasher,
        sign_in: &Arc<SignIn>,
    ) -> Self {
        Self {
            database: base.database.clone(),
            clock: base.clock.clone(),
            policy: Arc::clone(&base.policy),
            login_tokens: Arc::clone(login_tokens),
            hasher: hasher.clone(),
            sign_in: Arc::clone(sign_in),
        }
    }
}
