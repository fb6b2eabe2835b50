//! The secret keys that seal login tokens.

use std::sync::{Arc, PoisonError};

use crate::service::{LoginTokens, Reloaded, Sealer};
use crate::store::StoreError;

impl LoginTokens {
    /// Seals and opens tokens with these keys from now on. Blocks the thread.
    ///
    /// # Errors
    /// As [`crate::service::Service::new`]; the keys are not changed then.
    pub fn replace_secret_keys(&self, sealer: Sealer) -> Result<Reloaded, StoreError> {
        if self.sealer().is_some_and(|current| *current == sealer) {
            return Ok(Reloaded::Same);
        }
        sealer.register(&self.database.store)?;
        *self.sealer.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(sealer));
        Ok(Reloaded::New)
    }

    /// Whether this node has secret keys.
    #[must_use]
    pub fn has_secret_keys(&self) -> bool {
        self.sealer().is_some()
    }

    /// The current keys.
    pub(in crate::service) fn sealer(&self) -> Option<Arc<Sealer>> {
        self.sealer.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
