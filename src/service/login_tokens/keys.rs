//! Under which keys login tokens are sealed.

use std::sync::{Arc, PoisonError};

use crate::service::{LoginTokens, Sealer};
use crate::store::StoreError;

impl LoginTokens {
    /// From now on seals are made and opened by these keys; says whether they are others. Waits for the database.
    ///
    /// # Errors
    /// As [`crate::service::Service::new`], and the keys stay as they were.
    pub fn replace_secret_keys(&self, sealer: Sealer) -> Result<bool, StoreError> {
        if self.sealer().is_some_and(|standing| *standing == sealer) {
            return Ok(false);
        }
        sealer.check(&self.database.store)?;
        *self.sealer.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(sealer));
        Ok(true)
    }

    /// Whether it seals and opens login keys.
    #[must_use]
    pub fn has_secret_keys(&self) -> bool {
        self.sealer().is_some()
    }

    /// The keys of now.
    pub(in crate::service) fn sealer(&self) -> Option<Arc<Sealer>> {
        self.sealer.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
