//! The connections of a store, and where they lead: elsewhere from the moment on at which `DATABASE_URL` names another
//! place, or another password.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use r2d2::Pool;

use super::connection::{LogErrors, Manager, OpenedFile, Role};
use super::{Store, StoreError, StoreOptions};
use crate::domain::database_url::DatabaseUrl;

/// Connections to one place.
pub struct Pools {
    pub url: DatabaseUrl,
    read: Pool<Manager>,
    write: Pool<Manager>,
}

impl Pools {
    /// Opens no connection.
    pub fn new(url: &DatabaseUrl, options: &StoreOptions, file: &Arc<OpenedFile>) -> Self {
        let pool = |size, role| {
            Pool::builder()
                .max_size(size)
                .min_idle(Some(0))
                .connection_timeout(options.timeout)
                .error_handler(Box::new(LogErrors))
                .build_unchecked(Manager::new(url.clone(), role, options.timeout, Arc::clone(file)))
        };
        // SQLite has one writer at a time in any case: with one connection for it nobody fails on a busy database.
        let (read, write) = if url.is_postgres() {
            let shared = pool(options.pool, Role::Write);
            (shared.clone(), shared)
        } else {
            (pool(options.pool, Role::Read), pool(1, Role::Write))
        };
        Self { url: url.clone(), read, write }
    }

    pub fn of(&self, role: Role) -> &Pool<Manager> {
        match role {
            Role::Read => &self.read,
            Role::Write => &self.write,
        }
    }
}

/// The pools of now, shared by all clones of a store.
pub struct CurrentPools {
    now: RwLock<Arc<Pools>>,
    failures: AtomicU64,
}

impl CurrentPools {
    pub fn new(pools: Pools) -> Self {
        Self { now: RwLock::new(Arc::new(pools)), failures: AtomicU64::new(0) }
    }

    pub fn now(&self) -> Arc<Pools> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Somebody who needed a connection got none.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }
}

impl Store {
    /// How many times somebody who needed a connection got none.
    #[must_use]
    pub fn failed_connections(&self) -> u64 {
        self.pools.failures.load(Ordering::Relaxed)
    }

    /// Where it leads now.
    #[must_use]
    pub fn current_url(&self) -> DatabaseUrl {
        self.pools.now().url.clone()
    }

    /// Whether it leads where this URL does. Nothing is opened.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] for a URL that no store can be moved to.
    pub fn leads_to(&self, url: &DatabaseUrl) -> Result<bool, StoreError> {
        let now = self.current_url();
        if now == *url {
            return Ok(true);
        }
        if now.is_postgres() && url.is_postgres() {
            return Ok(false);
        }
        Err(StoreError::Unusable("from or to an SQLite file it takes a restart".into()))
    }

    /// From now on connections are opened as `url` says. Those that are in use go when their users have done; a listener
    /// fails at its next beat.
    pub fn move_to(&self, url: &DatabaseUrl) {
        let pools = Pools::new(url, &self.options, &self.file);
        *self.pools.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pools);
    }

    /// Another store with the same options, to try a URL.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn elsewhere(&self, url: &DatabaseUrl) -> Result<Self, StoreError> {
        // To try it takes one connection.
        Self::open(url, &StoreOptions { pool: 1, ..self.options.clone() })
    }
}
