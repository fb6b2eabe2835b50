//! What changes under a service that runs: where its database is, and under which keys it seals.

use crate::domain::database_url::DatabaseUrl;
use crate::service::Node;
use crate::store::{MetaKey, StoreError};

impl Node {
    /// How many times somebody who needed a connection got none.
    #[must_use]
    pub fn failed_connections(&self) -> u64 {
        self.database.store.failed_connections()
    }

    /// From now on the database is reached by this URL, if it is there; says whether that is news. Waits for the database.
    ///
    /// # Errors
    /// [`StoreError`], and the URL stays as it was: when nothing answers there, or another database.
    pub fn move_to(&self, url: &DatabaseUrl) -> Result<bool, StoreError> {
        let store = &self.database.store;
        if store.leads_to(url)? {
            return Ok(false);
        }
        let there = store.elsewhere(url)?;
        there.require_schema()?;
        // Each database has one of its own, and takes it along wherever it goes.
        if !self.sign_in.counted.is_of(there.meta(MetaKey::NameKey)?.as_deref()) {
            return Err(StoreError::Unusable(format!("{url} is another database; that takes a restart")));
        }
        store.move_to(url);
        Ok(true)
    }

    /// Which database this was when it was opened.
    #[must_use]
    pub fn database_url(&self) -> &DatabaseUrl {
        self.database.store.url()
    }
}
