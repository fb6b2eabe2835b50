//! What changes under a service that runs: where its database is, and under which keys it seals.

use std::sync::{Arc, PoisonError};

use super::{Sealer, Service};
use crate::domain::database_url::DatabaseUrl;
use crate::store::{MetaKey, StoreError};

impl Service {
    /// How many times somebody who needed a connection got none.
    #[must_use]
    pub fn failed_connections(&self) -> u64 {
        self.inner.store.failed_connections()
    }

    /// From now on the database is reached by this URL, if it is there; says whether that is news. Waits for the database.
    ///
    /// # Errors
    /// [`StoreError`], and the URL stays as it was: when nothing answers there, or another database.
    pub fn move_to(&self, url: &DatabaseUrl) -> Result<bool, StoreError> {
        let store = &self.inner.store;
        if store.leads_to(url)? {
            return Ok(false);
        }
        let there = store.elsewhere(url)?;
        there.require_schema()?;
        // Each database has one of its own, and takes it along wherever it goes.
        if !self.inner.counted.is_of(there.meta(MetaKey::NameKey)?.as_deref()) {
            return Err(StoreError::Unusable(format!("{url} is another database; that takes a restart")));
        }
        store.move_to(url);
        Ok(true)
    }

    /// From now on seals are made and opened by these keys; says whether they are others. Waits for the database.
    ///
    /// # Errors
    /// As [`Service::new`], and the keys stay as they were.
    pub fn replace_secret_keys(&self, sealer: Sealer) -> Result<bool, StoreError> {
        if self.sealer().is_some_and(|standing| *standing == sealer) {
            return Ok(false);
        }
        sealer.check(&self.inner.store)?;
        *self.inner.sealer.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(sealer));
        Ok(true)
    }

    /// Whether it seals and opens login keys.
    #[must_use]
    pub fn has_secret_keys(&self) -> bool {
        self.sealer().is_some()
    }

    /// Which database this was when it was opened.
    #[must_use]
    pub fn database_url(&self) -> &DatabaseUrl {
        self.inner.store.url()
    }

    /// The keys of now.
    pub(super) fn sealer(&self) -> Option<Arc<Sealer>> {
        self.inner.sealer.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
