//! Moves a store to another `DATABASE_URL`: new connections use it.

use super::error::StoreError;
use super::handle::Store;
use super::pools::{Pools, StoreOptions};
use crate::domain::database_url::DatabaseUrl;

/// A URL, compared with the one that a store uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum UrlChange {
    /// The store uses it already.
    Same,
    /// It is another one.
    New,
}

impl Store {
    /// How many times no connection could be obtained.
    #[must_use]
    pub fn failed_connections(&self) -> u64 {
        self.pools.failures()
    }

    /// The current URL.
    #[must_use]
    pub fn current_url(&self) -> DatabaseUrl {
        self.pools.current().url.clone()
    }

    /// Compares this URL with the current one. Nothing is opened.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] for a URL that no store can be moved to.
    pub fn compare_url(&self, url: &DatabaseUrl) -> Result<UrlChange, StoreError> {
        match (self.current_url(), url) {
            (current, url) if current == *url => Ok(UrlChange::Same),
            (DatabaseUrl::Postgres(_), DatabaseUrl::Postgres(_)) => Ok(UrlChange::New),
            (DatabaseUrl::Postgres(_) | DatabaseUrl::Sqlite(_), _) => {
                Err(StoreError::Unusable("a change from or to an SQLite file requires a restart".into()))
            }
        }
    }

    /// Opens connections by `url` from now on. Those in use are closed when they are given back; a reader of the
    /// change log fails at its next reading.
    pub fn move_to(&self, url: &DatabaseUrl) {
        self.pools.replace(Pools::new(url, &self.options, &self.file));
    }

    /// Another store with the same options, to try a URL.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn with_url(&self, url: &DatabaseUrl) -> Result<Self, StoreError> {
        // One connection is enough to try the URL.
        Self::open(url, &StoreOptions { pool: 1, ..self.options.clone() })
    }
}
