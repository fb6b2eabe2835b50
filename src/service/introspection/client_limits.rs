//! The limits on failed client credentials: by network, and those that a caller has checked for others, by that caller and
//! the client that is tried.
//!
//! Over the limit nothing is checked, because otherwise guessing could go on: the response would reveal a right guess.
//! Only a client that authenticated from the same network recently is still checked, so that one misconfigured service
//! does not lock out others of the same network.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::audit::{Action, Actor};
use crate::domain::client::{ClientSecret, MAX_CLIENT_ID};
use crate::domain::network::Network;
use crate::domain::rate::Rate;
use crate::domain::safe_text::name_without_keys;
use crate::domain::time::Uptime;
use crate::service::throttle::{Attempt, IfFull, Key, Keys, Limit, Recent, Stopped, Throttle, Wanted};
use crate::service::{AcceptedClient, Error, Introspect};
use crate::store::StoreError;

/// How long after its authentication a client counts as known in its network, or by way of its edge.
const KNOWN_FOR: Duration = Duration::from_hours(24);

/// How long credentials of the same origin are accepted without a check. A check also renews the client's entry in
/// `known`.
const ORIGIN_KNOWN_FOR: Duration = Duration::from_hours(1);

/// How often failures of one key go to the audit log when there is no limit.
const RECORD_INTERVAL: Duration = Duration::from_mins(1);

/// How many failures of all keys together go to the audit log, so that an attacker with many networks causes no flood of
/// writes.
const MAX_RECORDED: Rate = Rate { count: 60, per: Duration::from_mins(1) };

const BY_NETWORK: usize = 0;
pub(super) const BY_CALLER: usize = 1;

/// Where a client's credentials come from.
#[derive(Clone, Copy, Debug)]
pub struct ClientOrigin {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The other end of the connection: the client, or a proxy.
    pub peer: Option<IpAddr>,
}

/// Where failures count.
pub(super) struct Window<'a> {
    pub limit: usize,
    /// The parts of its key.
    pub of: &'a [&'a [u8]],
}

/// The limits, and the state that they need.
pub struct ClientLimits {
    throttle: Throttle,
    keys: Keys,
    /// Clients, each with a network that it has authenticated from, or with a caller who had it checked.
    known: Recent<()>,
    /// Where the credentials of recently authenticated clients came from, for the fast lane.
    known_origins: Recent<()>,
    sweeps: AtomicU64,
    /// Peers over whose connections the limit was reached, and until when all their credentials are checked.
    watched: Recent<Uptime>,
    watches_any: AtomicBool,
    /// Lets the first failure of each key in a window into the audit log.
    recorded: Mutex<Limit>,
    /// The same, for all keys together.
    recorded_total: Mutex<Limit>,
}

impl ClientLimits {
    pub fn new(rate: Option<Rate>) -> Self {
        let per = rate.map_or(RECORD_INTERVAL, |rate| rate.per);
        Self {
            throttle: Throttle::new(&[rate; 2]),
            keys: Keys::new(),
            known: Recent::new(KNOWN_FOR),
            known_origins: Recent::new(ORIGIN_KNOWN_FOR),
            sweeps: AtomicU64::new(0),
            watched: Recent::new(per),
            watches_any: AtomicBool::new(false),
            recorded: Mutex::new(Limit::new(Rate { count: 1, per })),
            recorded_total: Mutex::new(Limit::new(MAX_RECORDED)),
        }
    }

    /// Removes expired entries, and frees their memory.
    pub fn sweep(&self, now: Uptime) {
        self.throttle.sweep(now);
        self.known.sweep(now);
        self.known_origins.sweep(now);
        self.sweeps.fetch_add(1, Ordering::Relaxed);
        for limit in [&self.recorded, &self.recorded_total] {
            limit.lock().unwrap_or_else(PoisonError::into_inner).sweep(now);
        }
        if !self.watched.sweep(now) {
            self.watches_any.store(false, Ordering::Relaxed);
        }
    }

    fn key(&self, network: Network) -> Key {
        self.keys.key(&[network.to_string().as_bytes()])
    }

    /// Of a client that authenticates by way of what the window stands for.
    fn client_in(&self, client_id: &str, window: &Window<'_>) -> Key {
        let limit = [u8::from(window.limit == BY_CALLER)];
        self.keys.key(&[&[limit.as_slice(), client_id.as_bytes()], window.of].concat())
    }

    fn is_known(&self, client_id: &str, window: &Window<'_>, now: Uptime) -> bool {
        self.known.get(&self.client_in(client_id, window), now).is_some()
    }

    fn remember(&self, client_id: &str, window: &Window<'_>, now: Uptime) {
        self.known.put(self.client_in(client_id, window), (), now);
    }

    fn watch(&self, peer: Option<IpAddr>, until: Uptime, now: Uptime) {
        self.watched.put(self.key(Network::of(peer)), until, now);
        self.watches_any.store(true, Ordering::Relaxed);
    }

    /// Whether a failure is the first one of its window, and so goes to the audit log.
    fn is_first(&self, window: &Window<'_>, now: Uptime) -> bool {
        let first = |limit: &Mutex<Limit>, key| limit.lock().unwrap_or_else(PoisonError::into_inner).fail(key, now);
        first(&self.recorded, self.keys.key(window.of)) && first(&self.recorded_total, self.key(Network::Local))
    }
}

impl Introspect {
    /// Does what `authenticate_client` does, within the limit on failed credentials. The first failure of a network in
    /// a window goes to the audit log.
    ///
    /// # Errors
    /// [`Error::Throttled`]; as [`Introspect::authenticate_client`].
    pub async fn admit_client(
        &self,
        candidates: Vec<(String, ClientSecret)>,
        from: ClientOrigin,
    ) -> Result<Option<AcceptedClient>, Error> {
        let Some((tried, _)) = candidates.first() else { return Ok(None) };
        let (network, tried) = (Network::of(from.address).to_string(), tried.clone());
        let window = Window { limit: BY_NETWORK, of: &[network.as_bytes()] };
        let admitted = match self.authenticate_within(&window, candidates).await? {
            Ok(admitted) => admitted,
            Err(Stopped::Refused(refusal)) => {
                let now = self.clock.uptime();
                self.client_limits.watch(from.peer, now.after(refusal.wait), now);
                return Err(Error::Throttled(refusal.wait));
            }
            Err(Stopped::Busy | Stopped::Unclear) => {
                let why = "too many credentials of one network are being checked";
                return Err(Error::Store(StoreError::Busy(why)));
            }
        };
        if admitted.is_none() {
            self.record_failed_client(tried, &window, from.address, json!({})).await;
        }
        Ok(admitted)
    }

    /// Authenticates a client within a limit. A client that is known there is checked even over the limit.
    pub(super) async fn authenticate_within(
        &self,
        window: &Window<'_>,
        candidates: Vec<(String, ClientSecret)>,
    ) -> Result<Result<Option<AcceptedClient>, Stopped>, Error> {
        let limits = &self.client_limits;
        let mut checked = None;
        if candidates.iter().any(|(id, _)| limits.is_known(id, window, self.clock.uptime())) {
            checked = Some(self.authenticate_client(candidates.clone()).await?);
        }
        let mut attempt: Option<Attempt<'_>> = None;
        if !matches!(checked, Some(Some(_))) {
            let key = limits.keys.key(window.of);
            let wanted = [Wanted { limit: window.limit, key, if_full: IfFull::Refused }];
            match limits.throttle.attempt(&wanted, &self.clock).await {
                Ok(admitted) => attempt = Some(admitted),
                Err(stopped) => return Ok(Err(stopped)),
            }
        }
        let checked = match checked {
            Some(checked) => Ok(checked),
            None => self.authenticate_client(candidates).await,
        };
        // Dropped, the attempt counts as a failure.
        if !matches!(checked, Ok(None)) {
            attempt.into_iter().for_each(Attempt::forgive);
        }
        if let Ok(Some(client)) = &checked {
            limits.remember(&client.id, window, self.clock.uptime());
        }
        checked.map(Ok)
    }

    /// Whether credentials from this peer must be checked again, even if they were accepted before.
    #[must_use]
    pub fn watches_clients_from(&self, peer: Option<IpAddr>) -> bool {
        let limits = &self.client_limits;
        limits.watches_any.load(Ordering::Relaxed) && {
            let now = self.clock.uptime();
            limits.watched.get(&limits.key(Network::of(peer)), now).is_some_and(|until| until > now)
        }
    }

    /// Remembers where the credentials of an authenticated client came from. `origin` is made in `http/peer/origin.rs`,
    /// and has the credentials themselves too.
    pub fn note_client_origin(&self, origin: &[u8]) {
        let limits = &self.client_limits;
        limits.known_origins.put(limits.keys.key(&[origin]), (), self.clock.uptime());
    }

    /// Whether a client was authenticated recently with credentials of this origin.
    #[must_use]
    pub fn knows_client_origin(&self, origin: &[u8]) -> bool {
        let limits = &self.client_limits;
        limits.known_origins.get(&limits.keys.key(&[origin]), self.clock.uptime()).is_some()
    }

    /// A counter that grows every few seconds. Whoever remembers the result of [`Introspect::knows_client_origin`] asks
    /// again when it has changed.
    #[must_use]
    pub fn limit_sweeps(&self) -> u64 {
        self.client_limits.sweeps.load(Ordering::Relaxed)
    }

    pub(super) async fn record_failed_client(
        &self,
        tried: String,
        window: &Window<'_>,
        address: Option<IpAddr>,
        details: Value,
    ) {
        if !self.client_limits.is_first(window, self.clock.uptime()) {
            return;
        }
        // The id may be anything, even a key or a secret. An id that is too long for a client is cut.
        let shown = if self.knows_client(&tried) { &tried } else { name_without_keys(&tried) };
        let id: String = shown.chars().filter(|char| *char != '\0').take(MAX_CLIENT_ID).collect();
        let (by, now) = (Actor { name: format!("client:{id}"), address }, self.clock.now());
        // The audit log is kept where the credentials were checked: an edge's upstream has recorded this failure.
        let Ok(database) = self.database() else { return };
        let recorded = database.run(move |store| store.record(&by, Action::ClientFailed, &id, &details, now)).await;
        if let Err(error) = recorded {
            log::log!(error.level(), "cannot record refused client credentials in the audit log: {error}");
        }
    }
}
