//! HTTPS to an upstream, with the system's certificates.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::store::StoreError;

/// The system's certificates.
pub fn system_roots() -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let file = openssl_probe::probe().cert_file.ok_or_else(|| unusable("there is no file with them"))?;
    let read = |error| unusable(&format!("{}: {error}", file.display()));
    CertificateDer::pem_file_iter(&file).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(read)
}

/// The configuration of rustls for a client that trusts the system's certificates.
pub fn tls_client() -> Result<Arc<ClientConfig>, StoreError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(system_roots()?);
    let config = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error.to_string()))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

fn unusable(why: &str) -> StoreError {
    StoreError::Unusable(format!("JETON_UPSTREAM: the system's certificates: {why}"))
}
