//! What can change while the service runs: where its database is, and the secret keys.

use crate::domain::database_url::DatabaseUrl;
use crate::service::Node;
use crate::store::{MetaKey, StoreError};

impl Node {
    /// How many times no connection could be had.
    #[must_use]
    pub fn failed_connections(&self) -> u64 {
        self.database.store.failed_connections()
    }

    /// Connects to this URL from now on, if the database is there. Returns whether the URL is new. Blocks the thread.
    ///
    /// # Errors
    /// [`StoreError`], and the URL stays as it was: when nothing answers there, or another database.
    pub fn move_to(&self, url: &DatabaseUrl) -> Result<bool, StoreError> {
        let store = &self.database.store;
        if store.leads_to(url)? {
            return Ok(false);
        }
        let there = store.with_url(url)?;
        there.require_schema()?;
        // Each database has its own name key, which moves with it.
        if !self.sign_in.counted.is_of(there.meta(MetaKey::NameKey)?.as_deref()) {
            return Err(StoreError::Unusable(format!("{url} is another database, which requires a restart")));
        }
        store.move_to(url);
        Ok(true)
    }

    /// The URL that the store was opened with.
    #[must_use]
    pub fn database_url(&self) -> &DatabaseUrl {
        self.database.store.url()
    }
}
