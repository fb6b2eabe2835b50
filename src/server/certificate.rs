//! The certificate that connections are shown.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::start_error::StartError;
use crate::config::{Serving, TlsFiles};

/// A certificate and its key. Connections that begin after a reload are shown the new one.
pub struct Certificate(RwLock<TlsAcceptor>);

impl Certificate {
    /// Reads the files, if the settings name any.
    ///
    /// # Errors
    /// [`StartError::Tls`], naming the setting.
    pub fn of(serving: &Serving) -> Result<Option<Arc<Self>>, StartError> {
        let acceptor = serving.tls.as_ref().map(tls).transpose()?;
        Ok(acceptor.map(|acceptor| Arc::new(Self(RwLock::new(acceptor)))))
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

/// Reads the certificate and its key.
///
/// # Errors
/// [`StartError::Tls`], naming the setting.
fn tls(files: &TlsFiles) -> Result<TlsAcceptor, StartError> {
    let (cert, key) = (&files.certificate, &files.key);
    let fault =
        |name: &str, path: &str, error: &dyn std::fmt::Display| StartError::Tls(format!("{name}: {path}: {error}"));
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fault("JETON_TLS_CERT", cert, &error))?;
    if chain.is_empty() {
        return Err(fault("JETON_TLS_CERT", cert, &"there is no certificate in it"));
    }
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| fault("JETON_TLS_KEY", key, &error))?;
    let mut config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| StartError::Tls(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .map_err(|error| fault("JETON_TLS_KEY", key, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
