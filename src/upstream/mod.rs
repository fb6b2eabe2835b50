//! Another jeton, which an edge asks in place of a database: over HTTP, with calls that block, for threads of the edge.
//!
//! There may be several: nodes of one database, or edges of them. One is asked until it fails, then the next one.

mod answers;
mod connection;
mod forward;
mod servers;
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::domain::client::ClientSecret;
use crate::domain::time::{Stopwatch, Uptime};
use crate::domain::token::Token;
use crate::store::{Cursor, Reading, StoreError};
pub use answers::{AcceptedSecret, ActiveFacts, UpstreamAnswer};
use connection::{Answer, Connection, Credentials, Request};
pub use forward::{Forward, Outgoing, Pieces, Received, whole};
use servers::Servers;

/// Keys in one request. The body's limit there is 256 KiB, and a key has at most 1 KiB, seldom more than 100 bytes.
const MAX_KEYS: usize = 1_000;

/// Bytes of keys in one request. In JSON a quotation mark takes two.
const MAX_KEY_BYTES: usize = 120 * 1024;

/// Whom an edge asks, and who it is there.
#[derive(Clone, Debug)]
pub struct UpstreamOptions {
    /// The base URLs, without a slash at the end; at least one.
    pub urls: Vec<String>,
    /// The edge's own client id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: ClientSecret,
}

/// The jeton that an edge asks. Cheap to clone.
#[derive(Clone)]
pub struct Upstream {
    inner: Arc<Inner>,
}

struct Inner {
    servers: Servers,
    connection: Connection,
    timeout: Duration,
    is_down: AtomicBool,
    /// When the newest request was sent that was answered, in nanoseconds of uptime; 0: none yet.
    answered: AtomicU64,
}

impl Upstream {
    /// Connects to nothing yet. A request waits for an answer no longer than `timeout`.
    ///
    /// # Errors
    /// For `https` without the system's certificates.
    pub fn new(options: &UpstreamOptions, timeout: Duration) -> Result<Self, StoreError> {
        let own = Credentials::new(&options.client_id, &options.client_secret);
        let is_https = options.urls.iter().any(|url| url.starts_with("https:"));
        let inner = Inner {
            servers: Servers::new(options.urls.clone()),
            connection: Connection::new(own, is_https)?,
            timeout,
            is_down: AtomicBool::new(false),
            answered: AtomicU64::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// How long a request waits for an answer.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.inner.timeout
    }

    /// How many there are to choose from.
    #[must_use]
    pub fn servers(&self) -> usize {
        self.inner.servers.len()
    }

    /// The edge's own credentials from now on.
    pub fn replace_credentials(&self, client_id: &str, secret: &ClientSecret) {
        self.inner.connection.replace_credentials(Credentials::new(client_id, secret));
    }

    /// Records whether the changes can be read. While they cannot, nobody waits for an answer.
    pub fn set_down(&self, is_down: bool) {
        self.inner.is_down.store(is_down, Ordering::Release);
    }

    /// Whether a request was answered that was sent after `moment`.
    pub fn has_answered_since(&self, moment: Uptime) -> bool {
        self.inner.answered.load(Ordering::Acquire) > moment.as_nanos()
    }

    /// # Errors
    /// [`StoreError::Down`].
    pub fn check(&self) -> Result<(), StoreError> {
        if self.inner.is_down.load(Ordering::Acquire) {
            return Err(StoreError::Down("the upstream does not answer".into()));
        }
        Ok(())
    }

    /// Introspects these keys. The results are in their order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn introspect(&self, keys: &[Token]) -> Result<Vec<UpstreamAnswer>, StoreError> {
        let mut answers = Vec::with_capacity(keys.len());
        let mut rest = keys;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = rest.iter().take(MAX_KEYS).take_while(|key| {
                bytes += key.expose().len();
                bytes <= MAX_KEY_BYTES
            });
            let (part, others) = rest.split_at(fits.count().max(1));
            let texts: Vec<&str> = part.iter().map(Token::expose).collect();
            let body = json!({ "tokens": texts, "edge": true }).to_string();
            let answer = self.ask(&Request::batch(&body), self.timeout())?;
            answers.extend(answers::batch(&answer.success()?, part.len())?);
            rest = others;
        }
        Ok(answers)
    }

    /// Whether a client's secret is right; `None`: it is not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn check_client(&self, client_id: &str, secret: &ClientSecret) -> Result<Option<AcceptedSecret>, StoreError> {
        let body = json!({ "tokens": [], "edge": true }).to_string();
        let theirs = Credentials::new(client_id, secret);
        let answer = self.ask(&Request::batch(&body).by(&theirs), self.timeout())?;
        if answer.status == 401 {
            return Ok(None);
        }
        answers::accepted(&answer.success()?).map(Some)
    }

    /// Whether an upstream answers anything, within `deadline`.
    pub fn ping(&self, deadline: Duration) -> bool {
        let body = json!({ "tokens": [], "edge": true }).to_string();
        self.ask(&Request::batch(&body), deadline).is_ok()
    }

    /// What has changed since a cursor. Every change that was committed before this call is in it, or was before the
    /// cursor. Asks one upstream only; after an error the next call asks another one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn changes(&self, after: Option<&Cursor>, deadline: Duration) -> Result<Reading, StoreError> {
        let (at, url) = self.inner.servers.current();
        let send = |after| self.inner.connection.send(url, &Request::changes(after), deadline);
        let reading = send(after).and_then(|answer| match answer.status {
            // The upstream, or a proxy before it, cannot take this cursor: everything must be forgotten.
            400 | 414 | 431 if after.is_some() => answers::changes(&send(None)?.success()?, false),
            _ => answers::changes(&answer.success()?, after.is_some()),
        });
        reading.inspect_err(|_| self.inner.servers.leave(at))
    }

    /// Asks one after the other, until one answers. One that hangs leaves time for the others.
    fn ask(&self, request: &Request<'_>, deadline: Duration) -> Result<Answer, StoreError> {
        let since = Stopwatch::start();
        let mut failed = None;
        for left in (1..=self.servers()).rev() {
            let (at, url) = self.inner.servers.current();
            let sent = Uptime::now();
            let time = deadline.saturating_sub(since.elapsed());
            if time.is_zero() {
                break;
            }
            match self.inner.connection.send(url, request, time / u32::try_from(left).unwrap_or(u32::MAX)) {
                Ok(answer) if answer.status == 200 => {
                    self.inner.answered.fetch_max(sent.as_nanos(), Ordering::AcqRel);
                    return Ok(answer);
                }
                // A refusal of somebody else's credentials says nothing about the upstream.
                Ok(answer) if answer.status < 500 && request.has_other_credentials() => return Ok(answer),
                Ok(answer) => failed = Some(answer.error()),
                Err(error) => failed = Some(error),
            }
            self.inner.servers.leave(at);
        }
        Err(failed.unwrap_or_else(|| StoreError::Upstream("there was no time to ask".into())))
    }
}
