//! Moves a running node to another URL of its database.

use std::time::Duration;

use crate::domain::database_url::DatabaseUrl;
use crate::service::{Node, Reloaded};
use crate::store::{MetaKey, StoreError, UrlChange};

impl Node {
    /// How many attempts to connect have failed.
    #[must_use]
    pub fn failed_connections(&self) -> u64 {
        self.database.store.failed_connections()
    }

    /// Connects to this URL from now on, if this node's database answers there. Blocks the thread.
    ///
    /// # Errors
    /// [`StoreError`] when nothing answers at the URL, or another database does. The URL is not changed then.
    pub fn move_to(&self, url: &DatabaseUrl) -> Result<Reloaded, StoreError> {
        let store = &self.database.store;
        match store.compare_url(url)? {
            UrlChange::Same => return Ok(Reloaded::Same),
            UrlChange::New => {}
        }
        let there = store.with_url(url)?;
        there.require_schema()?;
        // Each database has its own name key, and keeps it when it moves to another server.
        if !self.counted_hashes.has_name_key(there.meta(MetaKey::NameKey)?.as_deref()) {
            return Err(StoreError::Unusable(format!("{url} is another database, which requires a restart")));
        }
        store.move_to(url);
        Ok(Reloaded::New)
    }

    /// How long a request waits for the database.
    #[must_use]
    pub fn database_timeout(&self) -> Duration {
        self.database.store.timeout()
    }

    /// The URL that the store was opened with.
    #[must_use]
    pub fn database_url(&self) -> &DatabaseUrl {
        self.database.store.url()
    }
}
