//! Login tokens. In single mode they are sealed, so that a later login can return them again.

mod issue;
pub mod key_file;
mod keys;
mod reseal;
mod seal;

use std::sync::{Arc, RwLock};

use super::base::Base;
use super::database::Database;
use super::introspection::Introspect;
use super::policy::Policy;
use crate::domain::time::Clock;
use crate::domain::token::TokenMode;
use crate::store::StoreError;
pub use issue::LoginToken;
pub use reseal::{ResealRound, SealCounts, count_seals};
pub use seal::Sealer;

/// The keys that seal login tokens.
#[derive(Clone)]
pub enum SealingKeys {
    /// These.
    Keys(Sealer),
    /// None is set, which only multiple mode allows.
    Unset,
    /// The verbs that are used neither seal nor open anything.
    NotNeeded,
}

/// Login tokens, and the keys that seal them.
pub struct LoginTokens {
    database: Database,
    clock: Clock,
    policy: Arc<Policy>,
    introspection: Arc<Introspect>,
    sealer: RwLock<Option<Arc<Sealer>>>,
}

impl LoginTokens {
    pub(in crate::service) fn new(
        base: &Base,
        introspection: &Arc<Introspect>,
        keys: SealingKeys,
    ) -> Result<Self, StoreError> {
        let sealer = match keys {
            SealingKeys::Keys(sealer) => {
                sealer.register(&base.database.store)?;
                Some(sealer)
            }
            SealingKeys::Unset => match base.policy.token_mode {
                TokenMode::Single => return Err(no_secret_key()),
                TokenMode::Multiple => None,
            },
            SealingKeys::NotNeeded => None,
        };
        Ok(Self {
            database: base.database.clone(),
            clock: base.clock.clone(),
            policy: Arc::clone(&base.policy),
            introspection: Arc::clone(introspection),
            sealer: RwLock::new(sealer.map(Arc::new)),
        })
    }
}

/// A login token of single mode is needed, and there is no key to seal it.
fn no_secret_key() -> StoreError {
    StoreError::Unusable(
        "JETON_SECRET_KEY must be set when JETON_TOKEN_MODE is single; make one with: openssl rand -hex 32".into(),
    )
}
