//! The limit on failed client credentials, by network.
//!
//! Over the limit nothing is checked, because otherwise guessing could go on: the response would reveal a right guess.
//! Only a client that authenticated from the same network recently is still checked, so that one misconfigured service
//! does not lock out others of the same network.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::json;

use crate::domain::audit::{Action, Actor};
use crate::domain::client::{ClientSecret, MAX_CLIENT_ID};
use crate::domain::network::Network;
use crate::domain::rate::Rate;
use crate::domain::safe_text::name_without_keys;
use crate::domain::time::Uptime;
use crate::service::throttle::{IfFull, Key, Keys, Limit, Recent, Stopped, Throttle, Wanted};
use crate::service::{AcceptedClient, Error, Introspect};
use crate::store::StoreError;

/// How long after its authentication a client counts as known in its network.
const NETWORK_KNOWN_FOR: Duration = Duration::from_hours(24);

/// How long credentials of the same origin are accepted without a check. A check also renews the client's entry in
/// `known_networks`.
const ORIGIN_KNOWN_FOR: Duration = Duration::from_hours(1);

/// How often failures of a network go to the audit log when there is no limit.
const RECORD_INTERVAL: Duration = Duration::from_mins(1);

/// How many failures of all networks together go to the audit log, so that an attacker with many networks causes no
/// flood of writes.
const MAX_RECORDED: Rate = Rate { count: 60, per: Duration::from_mins(1) };

/// How many of an edge's clients are checked at once.
const CHECKS_AT_ONCE: usize = 8;

/// Where a client's credentials come from.
#[derive(Clone, Copy, Debug)]
pub struct ClientOrigin {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The other end of the connection: the client, or a proxy.
    pub peer: Option<IpAddr>,
}

/// The limit, and the state that it needs.
pub struct ClientLimits {
    throttle: Throttle,
    keys: Keys,
    /// Clients, each with a network that it has authenticated from.
    known_networks: Recent<()>,
    /// Where the credentials of recently authenticated clients came from, for the fast lane.
    known_origins: Recent<()>,
    sweeps: AtomicU64,
    /// Peers over whose connections the limit was reached, and until when all their credentials are checked.
    watched: Recent<Uptime>,
    watches_any: AtomicBool,
    /// Lets the first failure of each network in a window into the audit log.
    recorded: Mutex<Limit>,
    /// The same, for all networks together.
    recorded_total: Mutex<Limit>,
}

impl ClientLimits {
    pub fn new(rate: Option<Rate>) -> Self {
        let per = rate.map_or(RECORD_INTERVAL, |rate| rate.per);
        Self {
            throttle: Throttle::new(&[rate]),
            keys: Keys::new(),
            known_networks: Recent::new(NETWORK_KNOWN_FOR),
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
        self.known_networks.sweep(now);
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

    fn client_and_network(&self, client_id: &str, network: Network) -> Key {
        self.keys.key(&[client_id.as_bytes(), network.to_string().as_bytes()])
    }

    fn is_known(&self, client_id: &str, network: Network, now: Uptime) -> bool {
        self.known_networks.get(&self.client_and_network(client_id, network), now).is_some()
    }

    fn remember_network(&self, client_id: &str, network: Network, now: Uptime) {
        self.known_networks.put(self.client_and_network(client_id, network), (), now);
    }

    fn watch(&self, peer: Option<IpAddr>, until: Uptime, now: Uptime) {
        self.watched.put(self.key(Network::of(peer)), until, now);
        self.watches_any.store(true, Ordering::Relaxed);
    }

    /// Whether a failure is the first one of its window, and so goes to the audit log.
    fn is_first(&self, network: Network, now: Uptime) -> bool {
        let first = |limit: &Mutex<Limit>, network| {
            limit.lock().unwrap_or_else(PoisonError::into_inner).fail(self.key(network), now)
        };
        first(&self.recorded, network) && first(&self.recorded_total, Network::Local)
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
        let (limits, network, tried) = (&self.client_limits, Network::of(from.address), tried.clone());
        let is_known = candidates.iter().any(|(id, _)| limits.is_known(id, network, self.clock.uptime()));
        let mut checked = None;
        if is_known {
            checked = Some(self.authenticate_client(candidates.clone()).await?);
            if let Some(Some(client)) = checked {
                limits.remember_network(&client.id, network, self.clock.uptime());
                return Ok(Some(client));
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
        if let Ok(Some(client)) = &checked {
            limits.remember_network(&client.id, network, self.clock.uptime());
        }
        checked
    }

    /// Checks clients' credentials for an edge: each pair is an id and a secret. Failures are counted by the edge, which
    /// knows its clients' addresses; here they are all the edge's. The first one of a window goes to the audit log.
    ///
    /// # Errors
    /// As [`Introspect::authenticate_client`].
    pub async fn check_clients(
        &self,
        clients: Vec<(String, ClientSecret)>,
        edge: Option<IpAddr>,
    ) -> Result<Vec<Option<AcceptedClient>>, Error> {
        let tried: Vec<String> = clients.iter().map(|(id, _)| id.clone()).collect();
        let checks = stream::iter(clients).map(|client| self.authenticate_client(vec![client]));
        let checked: Vec<_> = checks.buffered(CHECKS_AT_ONCE).try_collect().await?;
        if let Some((tried, _)) = tried.into_iter().zip(&checked).find(|(_, client)| client.is_none()) {
            self.record_failed_client(tried, edge, Network::of(edge)).await;
        }
        Ok(checked)
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

    async fn record_failed_client(&self, tried: String, address: Option<IpAddr>, network: Network) {
        if !self.client_limits.is_first(network, self.clock.uptime()) {
            return;
        }
        // The id may be anything, even a key or a secret. An id that is too long for a client is cut.
        let shown = if self.knows_client(&tried) { &tried } else { name_without_keys(&tried) };
        let id: String = shown.chars().filter(|char| *char != '\0').take(MAX_CLIENT_ID).collect();
        let (by, now) = (Actor { name: format!("client:{id}"), address }, self.clock.now());
        // The audit log is kept where the credentials were checked: an edge's upstream has recorded this failure.
        let Ok(database) = self.database() else { return };
        let recorded = database.run(move |store| store.record(&by, Action::ClientFailed, &id, &json!({}), now)).await;
        if let Err(error) = recorded {
            log::log!(error.level(), "cannot record refused client credentials in the audit log: {error}");
        }
    }
}
