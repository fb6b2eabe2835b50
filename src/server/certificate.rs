//! The certificate that connections are shown.

use std::sync::{PoisonError, RwLock};

use tokio_rustls::TlsAcceptor;

use super::StartError;
use super::listen::tls;
use crate::config::TlsFiles;

/// A certificate and its key. Connections that begin after a reload are shown the new one.
pub struct Certificate(RwLock<TlsAcceptor>);

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// [`StartError::Tls`], naming the setting.
    pub fn read(files: &TlsFiles) -> Result<Self, StartError> {
        tls(files).map(|acceptor| Self(RwLock::new(acceptor)))
    }

    /// Reads the files again. Keeps the old certificate if they are broken.
    ///
    /// # Errors
    /// [`StartError::Tls`], naming the setting.
    pub fn reload(&self, files: &TlsFiles) -> Result<(), StartError> {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = tls(files)?;
        Ok(())
    }

    /// The TLS acceptor for a new connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
