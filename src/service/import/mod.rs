//! Users from elsewhere.

mod csv;
mod rows;

use super::{Error, Service};
use crate::store::{Store, StoreError};

/// What an import did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Users that are new here.
    pub made: usize,
    /// Users that were here already, and stay as they are.
    pub here_already: usize,
    /// New users whose hashes count only with `JETON_LEGACY_HASHES`.
    pub legacy: usize,
}

/// Why nothing was imported.
#[derive(Debug)]
pub enum ImportError {
    /// Everything that is wrong with the source: the number of a line, and what it is.
    Faults(Vec<(usize, String)>),
    /// Refused, whatever is in it.
    Refused(Error),
}

impl From<Error> for ImportError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl Service {
    /// As [`Service::db`], for work that may take its time.
    async fn unhurried<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Error> {
        let store = self.inner.store.clone();
        match actix_rt::task::spawn_blocking(move || work(&store)).await {
            Ok(result) => Ok(result?),
            Err(panicked) => Err(Error::Store(StoreError::Failed(panicked.to_string()))),
        }
    }
}
