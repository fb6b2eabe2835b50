//! Requests to an upstream over kept connections.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::tls::system_roots;
use crate::domain::client::ClientSecret;
use crate::store::{Cursor, StoreError};

/// Connections that are kept: more than there are threads that ask.
const KEPT_CONNECTIONS: usize = 16;

/// How long an idle connection is kept: less than servers and proxies do.
const IDLE_TIME: Duration = Duration::from_secs(10);

/// The largest answer, in bytes: of a thousand tokens whose users have many groups.
const MAX_ANSWER: u64 = 64 << 20;

/// Sends requests.
pub struct Connection {
    agent: Agent,
    own: RwLock<Arc<Credentials>>,
}

/// A client's credentials, as `Authorization` has them.
pub struct Credentials(String);

impl Credentials {
    /// HTTP Basic of form-encoded texts (RFC 6749 section 2.3.1).
    pub fn new(client_id: &str, secret: &ClientSecret) -> Self {
        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let pair = format!("{}:{}", encoded(client_id), encoded(secret.expose()));
        Self(format!("Basic {}", BASE64_STANDARD.encode(pair)))
    }
}

/// A request, without the upstream's base URL.
pub struct Request<'a> {
    target: String,
    body: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// Introspects tokens, or checks clients.
    pub fn batch(body: &'a str) -> Self {
        Self { target: "/introspect/batch".into(), body: Some(body) }
    }

    /// Reads changes.
    pub fn changes(after: Option<&Cursor>) -> Self {
        let after = after.map(|cursor| format!("?after={}", utf8_percent_encode(cursor.as_str(), NON_ALPHANUMERIC)));
        Self { target: format!("/changes{}", after.unwrap_or_default()), body: None }
    }
}

/// An answer of any status.
pub struct Answer {
    pub status: u16,
    retry_after: Option<u64>,
    body: Vec<u8>,
}

impl Answer {
    /// The body of a successful answer.
    pub fn success(self) -> Result<Vec<u8>, StoreError> {
        if self.status == 200 { Ok(self.body) } else { Err(self.error()) }
    }

    /// Why the answer is of no use.
    pub fn error(&self) -> StoreError {
        // One of the tokens may be the cause: the lookup batcher halves the batch until that token is alone.
        if self.status == 500 {
            return StoreError::UpstreamFails("it answers with status 500".into());
        }
        if self.status == 429 {
            return StoreError::Throttled(Duration::from_secs(self.retry_after.unwrap_or(1)));
        }
        match self.status {
            401 | 403 => StoreError::UpstreamRefuses,
            status => StoreError::Upstream(format!("it answers with status {status}")),
        }
    }
}

impl Connection {
    pub fn new(own: Credentials, is_https: bool) -> Result<Self, StoreError> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // The environment is read in `config` only.
            .proxy(None)
            .user_agent(concat!("jeton/", env!("CARGO_PKG_VERSION")))
            .max_idle_connections(KEPT_CONNECTIONS)
            .max_idle_connections_per_host(KEPT_CONNECTIONS)
            .max_idle_age(IDLE_TIME);
        let config = if is_https { config.tls_config(tls_config()?) } else { config };
        Ok(Self { agent: config.build().into(), own: RwLock::new(Arc::new(own)) })
    }

    pub fn replace_credentials(&self, own: Credentials) {
        *self.own.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(own);
    }

    /// The answer, if it is complete within the deadline.
    pub fn send(&self, base: &str, request: &Request<'_>, deadline: Duration) -> Result<Answer, StoreError> {
        let url = format!("{base}{}", request.target);
        let own = Arc::clone(&self.own.read().unwrap_or_else(PoisonError::into_inner));
        let Credentials(authorization) = &*own;
        let sent = match request.body {
            None => {
                let request = self.agent.get(&url).header("authorization", authorization);
                request.config().timeout_global(Some(deadline)).build().call()
            }
            Some(body) => {
                let request = self.agent.post(&url).header("authorization", authorization);
                let request = request.header("content-type", "application/json");
                request.config().timeout_global(Some(deadline)).build().send(body)
            }
        };
        let failed = |error: ureq::Error| StoreError::Upstream(format!("{base}: {error}"));
        let mut answer = sent.map_err(failed)?;
        let status = answer.status().as_u16();
        // Only a number of seconds is read. A date is ignored, because it is one by the upstream's clock.
        let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let body = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().map_err(failed)?;
        Ok(Answer { status, retry_after, body })
    }
}

/// HTTPS with the system's certificates.
fn tls_config() -> Result<TlsConfig, StoreError> {
    let roots: Vec<_> = system_roots()?.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}
