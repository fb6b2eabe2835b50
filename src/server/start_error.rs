//! What can keep jeton from starting.

use std::io;

use crate::service::Error;
use crate::store::StoreError;

/// Why jeton does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bootstrap user or client, or those of a first start, could not be created.
    #[error(transparent)]
    Service(#[from] Error),
    /// A file, an address or a thread.
    #[error("{0}: {1}")]
    Io(String, io::Error),
    /// The certificate or its key.
    #[error("{0}")]
    Tls(String),
}
