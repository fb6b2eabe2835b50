//! Limits on failed logins: by network, by username and network, and by username over all networks. A network that the
//! user logged in from recently is exempt from the last one, so that no stranger can lock a user out.

use std::net::IpAddr;
use std::time::Duration;

use crate::domain::network::{KNOWN_FOR, Network};
use crate::domain::time::Uptime;
use crate::domain::user::LoginName;
use crate::service::throttle::{Attempt, IfFull, Key, Keys, Recent, Stopped, Throttle, Wanted};
use crate::service::{Error, Login, Policy, SignIn};

const BY_NETWORK: usize = 0;
const BY_USER: usize = 1;
const BY_ACCOUNT: usize = 2;

/// The shortest time between two writes of a user's login from one network.
const RECORD_INTERVAL: Duration = Duration::from_hours(24);

/// How long the answer whether a network is known is cached: a flood of logins must not become a flood of queries.
const ANSWER_TTL: Duration = Duration::from_mins(1);

/// The limits, and the networks that users log in from.
pub struct LoginLimits {
    throttle: Throttle,
    keys: Keys,
    /// Pairs of user and network that were written recently.
    recorded: Recent<()>,
    /// Names that logins gave, each with a network, that were looked up recently, and whether they are known.
    looked_up: Recent<bool>,
}

/// Why a login may not be attempted.
pub struct NotAdmitted {
    pub error: Error,
    /// Whether it is the first refusal of its window: only that one goes to the audit log.
    pub is_first: bool,
}

impl LoginLimits {
    pub fn new(policy: &Policy) -> Self {
        let rates = [policy.login_limit_address, policy.login_limit_user, policy.login_limit_account];
        Self {
            throttle: Throttle::new(&rates),
            keys: Keys::new(),
            recorded: Recent::new(RECORD_INTERVAL),
            looked_up: Recent::new(ANSWER_TTL),
        }
    }

    /// Removes expired entries, and frees their memory.
    pub fn sweep(&self, now: Uptime) {
        self.throttle.sweep(now);
        self.recorded.sweep(now);
        self.looked_up.sweep(now);
    }
}

impl SignIn {
    /// Admits a login within the limits. The database is asked only when the limit of a username is reached, and then
    /// for every name, known or not.
    pub(in crate::service) async fn admit_login(&self, login: &Login) -> Result<Attempt<'_>, NotAdmitted> {
        let limits = &self.login_limits;
        let (name, network) = (self.folded(&login.name), Network::of(login.address));
        let (name, network_text) = (name.as_bytes(), network.to_string());
        let want = |limit, parts: &[&[u8]]| Wanted { limit, key: limits.keys.key(parts), if_full: IfFull::Refused };
        let mut wanted = [
            want(BY_NETWORK, &[network_text.as_bytes()]),
            want(BY_USER, &[name, network_text.as_bytes()]),
            want(BY_ACCOUNT, &[name]),
        ];
        wanted[BY_ACCOUNT].if_full = IfFull::Unclear;
        let mut tried = limits.throttle.attempt(&wanted, &self.clock).await;
        if matches!(tried, Err(Stopped::Unclear)) {
            let is_known = self.is_known_network(&login.name, network).await;
            let is_known = is_known.map_err(|error| NotAdmitted { error, is_first: false })?;
            wanted[BY_ACCOUNT].if_full = if is_known { IfFull::Admitted } else { IfFull::Refused };
            tried = limits.throttle.attempt(&wanted, &self.clock).await;
        }
        tried.map_err(|stopped| match stopped {
            Stopped::Refused(refusal) => {
                NotAdmitted { error: Error::Throttled(refusal.wait), is_first: refusal.is_first }
            }
            Stopped::Busy | Stopped::Unclear => NotAdmitted { error: Error::Busy, is_first: false },
        })
    }

    /// Runs `work` within the limit on failed logins of an address. [`Error::NotFound`] counts as a failure, and nothing
    /// else.
    pub(in crate::service) async fn within_address_limit<T>(
        &self,
        address: Option<IpAddr>,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let (limits, network) = (&self.login_limits, Network::of(address).to_string());
        let key = limits.keys.key(&[network.as_bytes()]);
        let wanted = [Wanted { limit: BY_NETWORK, key, if_full: IfFull::Refused }];
        let attempt = limits.throttle.attempt(&wanted, &self.clock).await.map_err(|stopped| match stopped {
            Stopped::Refused(refusal) => Error::Throttled(refusal.wait),
            Stopped::Busy | Stopped::Unclear => Error::Busy,
        })?;
        let result = work.await;
        if !matches!(result, Err(Error::NotFound)) {
            attempt.forgive();
        }
        result
    }

    /// The name as it is counted. A username and the e-mail address of the same user are two names: if one counted for the
    /// other, a stranger could find out who has which address.
    pub(super) fn folded(&self, name: &LoginName) -> String {
        self.database.username_case().fold(&name.text)
    }

    /// The same text may be the username of one user and the e-mail address of another one.
    fn name_and_network(&self, name: &LoginName, network: Network) -> Key {
        let (text, network) = (self.folded(name), network.to_string());
        self.login_limits.keys.key(&[&[name.by as u8], text.as_bytes(), network.as_bytes()])
    }

    async fn is_known_network(&self, name: &LoginName, network: Network) -> Result<bool, Error> {
        let (limits, now) = (&self.login_limits, self.clock.uptime());
        let key = self.name_and_network(name, network);
        if let Some(is_known) = limits.looked_up.get(&key, now) {
            return Ok(is_known);
        }
        let (name, since) = (name.clone(), self.clock.now().before(KNOWN_FOR));
        let is_known = self.database.run(move |store| store.knows_login_network(&name, network, since)).await?;
        limits.looked_up.put(key, is_known, now);
        Ok(is_known)
    }

    /// Records that a user logged in from this network. A failed write does not fail the login.
    pub(in crate::service) async fn note_login_network(&self, user_id: i64, login: &Login) {
        if self.policy.login_limit_account.is_none() {
            return;
        }
        let (limits, network, now) = (&self.login_limits, Network::of(login.address), self.clock.uptime());
        let key = limits.keys.key(&[&user_id.to_le_bytes(), network.to_string().as_bytes()]);
        if limits.recorded.get(&key, now).is_some() {
            return;
        }
        let at = self.clock.now();
        match self.database.run(move |store| store.note_login_network(user_id, network, at, RECORD_INTERVAL)).await {
            Ok(()) => {
                limits.recorded.put(key, (), now);
                limits.looked_up.put(self.name_and_network(&login.name, network), true, now);
            }
            Err(error) => {
                log::log!(error.level(), user_id = user_id; "cannot record the network of a login: {error}");
            }
        }
    }
}
