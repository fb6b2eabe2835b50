//! Moves a running node to another URL of its database.

use crate::domain::database_url::DatabaseUrl;
use crate::service::Node;
use crate::store::{MetaKey, StoreError};

impl Node {
    /// How many attempts to connect have failed.
    #[must_use]
    pub fn failed_connections(&self) -> u64 {
        self.database.store.failed_connections()
    }

    /// Connects to this URL from now on, if this node's database answers there. Returns whether the URL is new. Blocks
    /// the thread.
    ///
    /// # Errors
    /// [`StoreError`] when nothing answers at the URL, or another database does. The URL is not changed then.
    pub fn move_to(&self, url: &DatabaseUrl) -> Result<bool, StoreError> {
        let store = &self.database.store;
        if store.uses_url(url)? {
            return Ok(false);
        }
        let there = store.with_url(url)?;
        there.require_schema()?;
        // Each database has its own name key, which moves with it.
        if !self.sign_in.counted.has_name_key(there.meta(MetaKey::NameKey)?.as_deref()) {
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
