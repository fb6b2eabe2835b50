//! Another jeton, which an edge asks in place of a database: over HTTP, with calls that block, for threads of the edge.
//!
//! There may be several: nodes of one database, or edges of them. One is asked until it fails, then the next one.

mod answers;
mod connection;
mod forward;
mod servers;
mod tls;

use std::mem::discriminant;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use crate::domain::change::AsOf;
use crate::domain::client::ClientSecret;
use crate::domain::time::{Stopwatch, Uptime};
use crate::domain::token::{Token, UsedBy};
use crate::store::{Cursor, Reading, StoreError};
pub use answers::{AcceptedSecret, ActiveFacts, CheckedSecret, UpstreamAnswer};
use connection::{Answer, Connection, Credentials, Request};
pub use forward::{Forward, Outgoing, Pieces, Received, whole};
use servers::Servers;

/// The limit of a request's body at the upstream, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// How many keys a request has at most. A key has at most 1 KiB, and seldom more than
/// 100 bytes.
const MAX_KEYS: usize = 1_000;

/// How many bytes the keys of a request, and the names of those who use them, have at most. In JSON they may take twice as
/// many: a quotation mark is escaped.
const MAX_KEY_BYTES: usize = 120 * 1024;

/// How many bytes a client id and its secret have at most together. Longer ones are wrong.
pub const MAX_CREDENTIALS: usize = 2048;

/// How many clients a request has at most. JSON may escape a byte with six bytes.
const MAX_CLIENTS: usize = 20;

/// Besides the texts a body has names, and two quotation marks and a comma for each text.
const _: () = assert!(MAX_CLIENTS * (MAX_CREDENTIALS * 6 + 6) + 100 <= MAX_BODY, "all clients fit into a body");
const _: () = assert!(MAX_KEY_BYTES * 2 + MAX_KEYS * 6 + 100 <= MAX_BODY, "all keys fit into a body");

/// A key, and who has sent it to the edge.
pub type UsedKey = (Token, UsedBy);

/// Which upstreams an edge asks, and by which credentials.
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
    /// How old an answer may be.
    max_age: Duration,
    /// Why the upstream is known to be down; `None`: it is not.
    down: Mutex<Option<StoreError>>,
    /// When the newest answer arrived, in nanoseconds of uptime; 0: none yet.
    answered: AtomicU64,
}

impl Upstream {
    /// Connects to nothing yet. A request waits for an answer no longer than `timeout`. An answer with what was true
    /// `max_age` ago is of no use.
    ///
    /// # Errors
    /// For `https` without the system's certificates.
    pub fn new(options: &UpstreamOptions, timeout: Duration, max_age: Duration) -> Result<Self, StoreError> {
        let own = Credentials::new(&options.client_id, &options.client_secret);
        let is_https = options.urls.iter().any(|url| url.starts_with("https:"));
        let inner = Inner {
            servers: Servers::new(options.urls.clone()),
            connection: Connection::new(own, is_https)?,
            timeout,
            max_age,
            down: Mutex::default(),
            answered: AtomicU64::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// How long a request waits for an answer.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.inner.timeout
    }

    /// How many upstreams there are to choose from.
    #[must_use]
    pub fn servers(&self) -> usize {
        self.inner.servers.len()
    }

    /// From now on the edge uses these credentials of its own.
    pub fn replace_credentials(&self, client_id: &str, secret: &ClientSecret) {
        self.inner.connection.replace_credentials(Credentials::new(client_id, secret));
    }

    /// Records that the upstream is down, or that it answers. While it is down, nobody waits for an answer. Logs a change
    /// once, instead of once for each refused request.
    pub fn set_down(&self, why: Option<StoreError>) {
        let down = why.map(|error| match error {
            StoreError::Upstream(why) | StoreError::UpstreamFails(why) => StoreError::UpstreamDown(why),
            other => other,
        });
        let mut known = self.inner.down.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().map(discriminant) != down.as_ref().map(discriminant) {
            match &down {
                Some(why) => log::warn!("requests are refused for now: {why}"),
                None => log::info!("the upstream answers again"),
            }
        }
        *known = down;
    }

    /// Whether an answer has ever arrived.
    #[must_use]
    pub fn has_answered(&self) -> bool {
        self.inner.answered.load(Ordering::Acquire) > 0
    }

    /// Whether an answer has arrived after `moment`.
    #[must_use]
    pub fn has_answered_since(&self, moment: Uptime) -> bool {
        self.inner.answered.load(Ordering::Acquire) > moment.as_nanos()
    }

    fn note_answer(&self) {
        self.inner.answered.fetch_max(Uptime::now().as_nanos(), Ordering::AcqRel);
    }

    /// # Errors
    /// [`StoreError::UpstreamDown`] or [`StoreError::UpstreamRefuses`], while the upstream is known to be down.
    pub fn check(&self) -> Result<(), StoreError> {
        self.inner.down.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    /// Introspects these keys. The results are in their order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn introspect(&self, keys: &[UsedKey]) -> Result<Vec<(UpstreamAnswer, AsOf)>, StoreError> {
        let mut answers = Vec::with_capacity(keys.len());
        let mut rest = keys;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = rest.iter().take(MAX_KEYS).take_while(|(key, used_by)| {
                bytes += key.expose().len() + used_by.as_str().len();
                bytes <= MAX_KEY_BYTES
            });
            let (part, others) = rest.split_at(fits.count().max(1));
            let (texts, users): (Vec<_>, Vec<_>) =
                part.iter().map(|(key, used_by)| (key.expose(), used_by.as_str())).unzip();
            let body = json!({ "tokens": texts, "edge": true, "used_by": users }).to_string();
            answers.extend(self.ask(&Request::batch(&body), self.timeout(), |answer, sent| {
                answers::batch(answer, part.len(), sent, self.inner.max_age)
            })?);
            rest = others;
        }
        Ok(answers)
    }

    /// Checks pairs of a client's id and secret. The results are in the order of the pairs; `None`: the pair is wrong. The
    /// request has the edge's own credentials, so that the upstream does not count a wrong pair as a failure of the edge.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn check_clients(&self, clients: &[(&str, &ClientSecret)]) -> Result<Vec<Option<CheckedSecret>>, StoreError> {
        let mut answers = Vec::with_capacity(clients.len());
        for part in clients.chunks(MAX_CLIENTS) {
            let (ids, secrets): (Vec<_>, Vec<_>) = part.iter().map(|(id, secret)| (*id, secret.expose())).unzip();
            let body = json!({ "tokens": [], "edge": true, "client_ids": ids, "client_secrets": secrets }).to_string();
            answers.extend(self.ask(&Request::batch(&body), self.timeout(), |answer, sent| {
                answers::clients(answer, part.len(), sent, self.inner.max_age)
            })?);
        }
        Ok(answers)
    }

    /// Asks about no token, as a probe: whether an upstream answers in the time that a request has, and as jeton does.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn ping(&self) -> Result<(), StoreError> {
        let body = json!({ "tokens": [], "edge": true }).to_string();
        let read = |answer: &[u8], sent| answers::batch(answer, 0, sent, self.inner.max_age).map(drop);
        match self.ask(&Request::batch(&body), self.timeout(), read) {
            // It answers, if only that it is asked too often.
            Err(StoreError::Throttled(_)) => Ok(()),
            other => other,
        }
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
        reading.inspect(|_| self.note_answer()).inspect_err(|_| self.inner.servers.leave(at))
    }

    /// Asks one upstream after the other, until one gives an answer that `read` can use. Each gets only a part of the
    /// time, so that one that hangs leaves time for the others.
    fn ask<T>(
        &self,
        request: &Request<'_>,
        deadline: Duration,
        read: impl Fn(&[u8], Uptime) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let since = Stopwatch::start();
        let mut failed = None;
        for left in (1..=self.servers()).rev() {
            let (at, url) = self.inner.servers.current();
            let sent = Uptime::now();
            let time = deadline.saturating_sub(since.elapsed());
            if time.is_zero() {
                break;
            }
            let answer = self.inner.connection.send(url, request, time / u32::try_from(left).unwrap_or(u32::MAX));
            match answer.and_then(Answer::success).and_then(|body| read(&body, sent)) {
                Ok(answer) => {
                    self.note_answer();
                    return Ok(answer);
                }
                Err(error) => failed = Some(error),
            }
            self.inner.servers.leave(at);
        }
        Err(failed.unwrap_or_else(|| StoreError::Upstream("there was no time to ask".into())))
    }
}
