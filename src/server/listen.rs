//! Where a server listens: an address, with TLS or without, or a Unix socket.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::StartError;

/// An address that cannot be listened on.
pub fn cannot_listen(address: &str, error: io::Error) -> StartError {
    StartError::Io(format!("JETON_LISTEN: cannot listen on {address}"), error)
}

/// A socket that a killed jeton left behind; one that somebody answers on stays, and binding to it fails.
pub fn remove_stale_socket(path: &Path) -> io::Result<()> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    match UnixStream::connect(path) {
        Err(error) if is_socket && error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        _ => Ok(()),
    }
}

/// The certificate and its key.
///
/// # Errors
/// [`StartError::Tls`], naming the setting.
pub fn tls(cert: &str, key: &str) -> Result<ServerConfig, StartError> {
    let fault =
        |name: &str, path: &str, error: &dyn std::fmt::Display| StartError::Tls(format!("{name}: {path}: {error}"));
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fault("JETON_TLS_CERT", cert, &error))?;
    if chain.is_empty() {
        return Err(fault("JETON_TLS_CERT", cert, &"there is no certificate in it"));
    }
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| fault("JETON_TLS_KEY", key, &error))?;
    ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| StartError::Tls(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .map_err(|error| fault("JETON_TLS_KEY", key, &error))
}
