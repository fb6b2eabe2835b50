//! The limit on failed client credentials, by network.
//!
//! Over the limit nothing is checked, because otherwise guessing could go on: the response would reveal a right guess.
//! Only a client that authenticated from the same network recently is still checked, so that one misconfigured service
//! does not lock out its neighbours.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use crate::domain::audit::{Action, Actor};
use crate::domain::client::{ClientSecret, MAX_CLIENT_ID};
use crate::domain::network::Network;
use crate::domain::rate::Rate;
use crate::domain::safe_text::name_without_keys;
use crate::domain::time::Uptime;
use crate::service::throttle::{IfFull, Key, Keys, Limit, Recent, Stopped, Throttle, Wanted};
use crate::service::{Error, Introspect};
use crate::store::StoreError;

/// How long after its authentication a client counts as known in its network.
const NEIGHBOUR_FOR: Duration = Duration::from_hours(24);

/// How long a request that looks the same is accepted without renewing the client's entry in `neighbours`.
const ORIGIN_FOR: Duration = Duration::from_hours(1);

/// How often failures of a network go to the audit log when there is no limit.
const RECORD_INTERVAL: Duration = Duration::from_mins(1);

/// How many failures of all networks together go to the audit log: whoever has many networks must not cause a flood of
/// writes.
const MAX_RECORDED: Rate = Rate { count: 60, per: Duration::from_mins(1) };

/// Where a client's credentials come from.
#[derive(Clone, Copy, Debug)]
pub struct ClientOrigin {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// Who is at the other end of the connection: the client, or a proxy.
    pub peer: Option<IpAddr>,
}

/// The limit, and what it needs to know.
pub struct ClientLimits {
    throttle: Throttle,
    keys: Keys,
    /// Clients and networks that they authenticated from.
    neighbours: Recent<()>,
    /// Requests that authenticated recently, as the fast lane sees them.
    origins: Recent<()>,
    sweeps: AtomicU64,
    /// Peers over whose connections the limit was reached, and until when.
    watched: Recent<Uptime>,
    watches: AtomicBool,
    /// One place for each network: the first failure of a window takes it, and is recorded.
    recorded: Mutex<Limit>,
    /// The same, for all networks together.
    recorded_in_all: Mutex<Limit>,
}

impl ClientLimits {
    pub fn new(rate: Option<Rate>) -> Self {
        let per = rate.map_or(RECORD_INTERVAL, |rate| rate.per);
        Self {
            throttle: Throttle::new(&[rate]),
            keys: Keys::new(),
            neighbours: Recent::new(NEIGHBOUR_FOR),
            origins: Recent::new(ORIGIN_FOR),
            sweeps: AtomicU64::new(0),
            watched: Recent::new(per),
            watches: AtomicBool::new(false),
            recorded: Mutex::new(Limit::new(Rate { count: 1, per })),
            recorded_in_all: Mutex::new(Limit::new(MAX_RECORDED)),
        }
    }

    /// Forgets what has passed, and gives its memory back.
    pub fn sweep(&self, now: Uptime) {
        self.throttle.sweep(now);
        self.neighbours.sweep(now);
        self.origins.sweep(now);
        self.sweeps.fetch_add(1, Ordering::Relaxed);
        for limit in [&self.recorded, &self.recorded_in_all] {
            limit.lock().unwrap_or_else(PoisonError::into_inner).sweep(now);
        }
        if !self.watched.sweep(now) {
            self.watches.store(false, Ordering::Relaxed);
        }
    }

    fn key(&self, network: Network) -> Key {
        self.keys.key(&[network.to_string().as_bytes()])
    }

    fn neighbour(&self, client_id: &str, network: Network) -> Key {
        self.keys.key(&[client_id.as_bytes(), network.to_string().as_bytes()])
    }

    fn is_neighbour(&self, client_id: &str, network: Network, now: Uptime) -> bool {
        self.neighbours.get(&self.neighbour(client_id, network), now).is_some()
    }

    fn remember_neighbour(&self, client_id: &str, network: Network, now: Uptime) {
        self.neighbours.put(self.neighbour(client_id, network), (), now);
    }

    fn watch(&self, peer: Option<IpAddr>, until: Uptime, now: Uptime) {
        self.watched.put(self.key(Network::of(peer)), until, now);
        self.watches.store(true, Ordering::Relaxed);
    }

    /// Whether a failure is the first of its window, which is recorded.
    fn is_first(&self, network: Network, now: Uptime) -> bool {
        let first = |limit: &Mutex<Limit>, network| {
            limit.lock().unwrap_or_else(PoisonError::into_inner).fail(self.key(network), now)
        };
        first(&self.recorded, network) && first(&self.recorded_in_all, Network::Local)
    }
}

impl Introspect {
    /// As `authenticate_client`, within the limit on failed credentials. The first failure of a network in a window
    /// goes to the audit log.
    ///
    /// # Errors
    /// [`Error::Throttled`]; as [`Introspect::authenticate_client`].
    pub async fn admit_client(
        &self,
        candidates: Vec<(String, ClientSecret)>,
        from: ClientOrigin,
    ) -> Result<Option<String>, Error> {
        let Some((tried, _)) = candidates.first() else { return Ok(None) };
        let (limits, network, tried) = (&self.client_limits, Network::of(from.address), tried.clone());
        let is_neighbour = candidates.iter().any(|(id, _)| limits.is_neighbour(id, network, self.clock.uptime()));
        let mut checked = None;
        if is_neighbour {
            checked = Some(self.authenticate_client(candidates.clone()).await?);
            if let Some(Some(client_id)) = checked {
                limits.remember_neighbour(&client_id, network, self.clock.uptime());
                return Ok(Some(client_id));
            }
        }
        let wanted = [Wanted { limit: 0, key: limits.key(network), if_full: IfFull::Refused }];
        let attempt = match limits.throttle.attempt(&wanted, &self.clock).await {
            Ok(attempt) => attempt,
            Err(Stopped::Refused(refusal)) => {
                let now = self.clock.uptime();
                limits.watch(from.peer, now.after(refusal.wait), now);
                return Err(Error::Throttled(refusal.wait));
            }
            Err(Stopped::Busy | Stopped::Unclear) => {
                let why = "too many credentials of one network are being checked";
                return Err(Error::Store(StoreError::Unavailable(why.into())));
            }
        };
        let checked = match checked {
            Some(checked) => Ok(checked),
            None => self.authenticate_client(candidates).await,
        };
        match checked {
            Ok(None) => self.record_failed_client(tried, from.address, network).await,
            Ok(Some(_)) | Err(_) => attempt.forgive(),
        }
        if let Ok(Some(client_id)) = &checked {
            limits.remember_neighbour(client_id, network, self.clock.uptime());
        }
        checked
    }

    /// Whether credentials over connections from this peer must be checked again, even if they are known.
    #[must_use]
    pub fn watches_clients_from(&self, peer: Option<IpAddr>) -> bool {
        let limits = &self.client_limits;
        limits.watches.load(Ordering::Relaxed) && {
            let now = self.clock.uptime();
            limits.watched.get(&limits.key(Network::of(peer)), now).is_some_and(|until| until > now)
        }
    }

    /// Remembers what a request of an authenticated client looks like, including its credentials.
    pub fn note_client_origin(&self, origin: &[u8]) {
        let limits = &self.client_limits;
        limits.origins.put(limits.keys.key(&[origin]), (), self.clock.uptime());
    }

    /// Whether a client was authenticated recently with a request that looked like this one.
    #[must_use]
    pub fn knows_client_origin(&self, origin: &[u8]) -> bool {
        let limits = &self.client_limits;
        limits.origins.get(&limits.keys.key(&[origin]), self.clock.uptime()).is_some()
    }

    /// A counter that grows every few seconds. Whoever remembers the result of [`Introspect::knows_client_origin`] asks
    /// again when it has changed.
    #[must_use]
    pub fn limit_sweeps(&self) -> u64 {
        self.client_limits.sweeps.load(Ordering::Relaxed)
    }

    async fn record_failed_client(&self, tried: String, address: Option<IpAddr>, network: Network) {
        if !self.client_limits.is_first(network, self.clock.uptime()) {
            return;
        }
        // The id may be anything, even a key or a secret. An id that no client can have is cut.
        let shown = if self.knows_client(&tried) { &tried } else { name_without_keys(&tried) };
        let id: String = shown.chars().filter(|char| *char != '\0').take(MAX_CLIENT_ID).collect();
        let (by, now) = (Actor { name: format!("client:{id}"), address }, self.clock.now());
        let recorded =
            self.database.run(move |store| store.record(&by, Action::ClientFailed, &id, &json!({}), now)).await;
        if let Err(error) = recorded {
            log::log!(error.level(), "cannot record refused client credentials in the audit log: {error}");
        }
    }
}
