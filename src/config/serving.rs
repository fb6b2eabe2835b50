//! Where and how a server listens, and how it stops.

use std::time::Duration;

use super::parsers::{self, Listen};
use super::reader::Reader;
use super::setting::{plain, secret_path};
use crate::domain::duration;

/// Where and how a server listens, and how it stops.
#[derive(Clone, Debug)]
pub struct Serving {
    /// The address.
    pub listen: Listen,
    /// A separate address for `/metrics`.
    pub metrics_listen: Option<Listen>,
    /// The certificate and its key, to serve HTTPS.
    pub tls: Option<TlsFiles>,
    /// Threads that serve requests.
    pub workers: usize,
    /// Connections at once.
    pub max_connections: u32,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// How long a stopping server still serves, while `/readyz` answers 503.
    pub drain: Duration,
    /// How long a stop waits for open requests.
    pub shutdown_timeout: Duration,
}

impl Serving {
    pub(super) fn read(from: &mut Reader<'_>) -> Self {
        Self {
            listen: from
                .under("Serving")
                .read(plain("JETON_LISTEN", "127.0.0.1:8000", "address and port, or unix:/path"), parsers::listen),
            metrics_listen: from
                .maybe(plain("JETON_METRICS_LISTEN", "", "a separate address for /metrics"), parsers::listen),
            tls: TlsFiles::read(from),
            workers: from.read(plain("JETON_WORKERS", "cores", "threads that serve requests"), parsers::threads),
            max_connections: from
                .read(plain("JETON_MAX_CONNECTIONS", "10000", "connections at once"), parsers::positive),
            keep_alive: from.read(
                plain("JETON_KEEP_ALIVE", "75s", "how long an idle connection is kept"),
                parsers::positive_duration,
            ),
            drain: from.read(
                plain("JETON_DRAIN", "0s", "how long a stopping node still serves, while /readyz answers 503"),
                duration::parse,
            ),
            shutdown_timeout: from.read(
                plain("JETON_SHUTDOWN_TIMEOUT", "30s", "how long a stop waits for open requests"),
                duration::parse,
            ),
        }
    }
}

/// The files that HTTPS is served with.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The path of the certificate chain.
    pub certificate: String,
    /// The path of its private key.
    pub key: String,
}

impl TlsFiles {
    /// Reads both paths, at the start and on a reload.
    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        let files = from.pair(
            plain("JETON_TLS_CERT", "", "certificate chain, PEM; serves HTTPS"),
            secret_path("JETON_TLS_KEY", "its private key, PEM"),
        );
        files.map(|(certificate, key)| Self { certificate, key })
    }
}
