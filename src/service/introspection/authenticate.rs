//! Who is calling: the holder of a token, or a client with its secret.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::domain::client::{ClientSecret, SecretDigest, Secrets};
use crate::domain::time::Uptime;
use crate::service::cache::{ChangeSeq, Staleness};
use crate::service::introspection::lookup::TokenStatus;
use crate::service::{Error, Holder, Introspect};

impl Introspect {
    /// The holder of `key`.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] when it is not a live token of an active user.
    pub async fn authenticate(&self, key: &str) -> Result<Holder, Error> {
        match self.resolve(key).await? {
            TokenStatus::Active((token, user)) => Ok(Holder { user, token }),
            TokenStatus::Inactive(reason, _) => Err(Error::refused(reason)),
        }
    }

    /// Authenticates a client. `candidates` are pairs of id and secret; returns the id of the first one that is right.
    ///
    /// Only a right secret is accepted from the cache. Every other attempt costs one query and one comparison, so that
    /// the time does not reveal which ids exist.
    ///
    /// # Errors
    /// [`Error::Store`], when the database does not answer, and the cache may not answer instead.
    pub async fn authenticate_client(&self, candidates: Vec<(String, ClientSecret)>) -> Result<Option<String>, Error> {
        for (client_id, secret) in candidates {
            let (presented, now) = (secret.digest(), self.clock.now());
            let matches = |secrets: &Secrets| secrets.matches_at(&presented, now);
            if self.cached_client_with(&client_id, matches, Staleness::Bound).is_some()
                || self.check_client_in_database(&client_id, &presented).await?
            {
                return Ok(Some(client_id));
            }
        }
        Ok(None)
    }

    /// Checks `candidates` against the cache alone. If one is right, returns the [`ChangeSeq`] that was noted when its
    /// client was looked up. Otherwise the caller must ask [`Introspect::authenticate_client`]. A secret in its grace
    /// period is never accepted here, because the caller remembers the result.
    #[must_use]
    pub fn accepts_client(&self, candidates: &[(String, ClientSecret)]) -> Option<ChangeSeq> {
        candidates.iter().find_map(|(id, secret)| {
            let presented = secret.digest();
            self.cached_client_with(id, |secrets| secrets.matches_current(&presented), Staleness::Bound)
        })
    }

    /// Whether this client existed when it was last looked up.
    #[must_use]
    pub fn knows_client(&self, client_id: &str) -> bool {
        self.clients.get(client_id).is_some()
    }

    /// Whether credentials that were accepted at this [`ChangeSeq`] are still valid: no client has changed since.
    #[must_use]
    pub fn clients_are_current(&self, change_seq: ChangeSeq) -> bool {
        self.cache.clients_are_current(change_seq, Uptime::now(), Staleness::Bound)
    }

    /// The [`ChangeSeq`] at the lookup of this client, if it is cached with a secret that `matches`.
    fn cached_client_with(
        &self,
        client_id: &str,
        matches: impl FnOnce(&Secrets) -> bool,
        staleness: Staleness,
    ) -> Option<ChangeSeq> {
        let cached = self.clients.get(client_id);
        let (change_seq, secrets) =
            cached.map_or((None, Secrets::matching_nothing()), |(change_seq, secrets)| (Some(change_seq), secrets));
        // Always compared, so that the time does not reveal whether the client exists.
        let is_right = matches(&secrets);
        change_seq
            .filter(|change_seq| is_right && self.cache.clients_are_current(*change_seq, Uptime::now(), staleness))
    }

    /// Whether the database has a client with this id and secret. If it does not answer, only a right secret is
    /// accepted, from the cache.
    async fn check_client_in_database(&self, client_id: &str, presented: &SecretDigest) -> Result<bool, Error> {
        let (change_seq, wanted) = (self.cache.change_seq(), client_id.to_owned());
        let matches = |secrets: &Secrets| secrets.matches_at(presented, self.clock.now());
        match self.database.run(move |store| store.client_secrets(&wanted)).await {
            Ok(stored) => {
                let is_right = matches(stored.as_ref().unwrap_or(&Secrets::matching_nothing()));
                if is_right && let Some(secrets) = stored {
                    self.clients.insert(client_id, change_seq, secrets);
                }
                Ok(is_right)
            }
            Err(error) => {
                let cached = self.cached_client_with(client_id, matches, Staleness::StaleIfError);
                if cached.is_some() && error.is_transient() { Ok(true) } else { Err(error) }
            }
        }
    }
}

/// Clients that have presented a right secret. Only existing clients are stored, so there are few. A deleted client
/// stays in the map but is not accepted, because clients have changed since its lookup.
#[derive(Default)]
pub struct Clients {
    known: RwLock<HashMap<String, (ChangeSeq, Secrets)>>,
}

impl Clients {
    fn get(&self, client_id: &str) -> Option<(ChangeSeq, Secrets)> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(client_id).cloned()
    }

    fn insert(&self, client_id: &str, change_seq: ChangeSeq, secrets: Secrets) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(client_id.to_owned(), (change_seq, secrets));
    }
}
