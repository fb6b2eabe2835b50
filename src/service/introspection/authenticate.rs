//! Who is calling: the holder of a token, or a client with its secret.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::domain::change::AsOf;
use crate::domain::client::{ClientSecret, MatchingSecret, SecretDigest, Secrets};
use crate::domain::time::{Timestamp, Uptime};
use crate::domain::token::UsedBy;
use crate::service::cache::{ChangeSeq, Staleness};
use crate::service::introspection::client_usage::ClientUses;
use crate::service::introspection::lookup::TokenStatus;
use crate::service::introspection::source::{DatabaseSource, Source, UpstreamSource};
use crate::service::{Error, Holder, Introspect};
use crate::store::StoredSecrets;
use crate::upstream::AcceptedSecret;

impl Introspect {
    /// The holder of `key`, who calls jeton itself.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] when it is not a live token of an active user.
    pub async fn authenticate(&self, key: &str) -> Result<Holder, Error> {
        match self.resolve(key, &UsedBy::jeton()).await? {
            TokenStatus::Active((token, user)) => Ok(Holder { user, token }),
            TokenStatus::Inactive(reason, _) => Err(Error::refused(reason)),
        }
    }

    /// Authenticates a client. `candidates` are pairs of id and secret; returns the first one that is right.
    ///
    /// The cache may accept a secret, but never refuses one. Every other attempt costs one query, too, and is compared
    /// with the cache and with the query's result, so that the time does not reveal which ids exist.
    ///
    /// # Errors
    /// [`Error::Store`], when the database does not answer, and the cache may not answer instead.
    pub async fn authenticate_client(
        &self,
        candidates: Vec<(String, ClientSecret)>,
    ) -> Result<Option<AcceptedClient>, Error> {
        for (id, secret) in candidates {
            let (presented, now) = (secret.digest(), self.expiry_clock());
            let matches = |secrets: &Secrets| secrets.match_at(&presented, now);
            let memory = self.memory_as_of();
            let known = match self.cached_client_with(&id, matches, Staleness::Bound) {
                Some((_, known)) if self.must_tell_upstream(&id, known) => {
                    let told = self.check_client(&id, secret, &presented).await;
                    told.unwrap_or(Some((known, memory)))
                }
                Some((_, known)) => Some((known, memory)),
                None => self.check_client(&id, secret, &presented).await?,
            };
            if let Some((secret, as_of)) = known {
                self.clients.note_request(&id, secret, self.clock.now());
                return Ok(Some(AcceptedClient { id, secret_until: secret.until, as_of }));
            }
        }
        Ok(None)
    }

    /// Checks `candidates` against the cache alone. If one is right, returns what the caller may remember of it. Otherwise
    /// the caller must ask [`Introspect::authenticate_client`]. A secret in its grace period is never accepted here: it
    /// ends, and its uses are counted apart.
    #[must_use]
    pub fn accepts_client(&self, candidates: &[(String, ClientSecret)]) -> Option<RememberedClient> {
        candidates.iter().find_map(|(id, secret)| {
            let presented = secret.digest();
            let is_current = |secrets: &Secrets| secrets.matches_current(&presented).then_some(());
            let (change_seq, ()) = self.cached_client_with(id, is_current, Staleness::Bound)?;
            let uses = self.clients.get(id)?.uses;
            Some(RememberedClient { change_seq, uses, used_by: UsedBy::client(id) })
        })
    }

    /// Whether this client has presented a right secret since the start. It may have been deleted since.
    #[must_use]
    pub fn knows_client(&self, client_id: &str) -> bool {
        self.clients.get(client_id).is_some()
    }

    /// Whether credentials that were accepted at this [`ChangeSeq`] are still valid: no client has changed since.
    #[must_use]
    pub fn clients_are_current(&self, change_seq: ChangeSeq) -> bool {
        self.cache.clients_are_current(change_seq, Uptime::now(), Staleness::Bound)
    }

    /// The [`ChangeSeq`] at the lookup of this client, and what `matches` says, if it is cached with a secret that
    /// matches.
    fn cached_client_with<T>(
        &self,
        client_id: &str,
        matches: impl FnOnce(&Secrets) -> Option<T>,
        staleness: Staleness,
    ) -> Option<(ChangeSeq, T)> {
        let cached = self.clients.get(client_id);
        let (change_seq, secrets) =
            cached.map_or((None, Secrets::matching_nothing()), |known| (Some(known.change_seq), known.secrets));
        // Always compared, so that the time does not reveal whether the client exists.
        let matching = matches(&secrets);
        let current = |change_seq: &ChangeSeq| self.cache.clients_are_current(*change_seq, Uptime::now(), staleness);
        matching.zip(change_seq.filter(current)).map(|(matching, change_seq)| (change_seq, matching))
    }

    /// Whether an edge asks its upstream about an old secret again, although it is known to be right: where the clients are
    /// stored it is noted when an old secret was last used, and that must not look longer ago than it is. One request in a
    /// minute does that.
    fn must_tell_upstream(&self, client_id: &str, secret: MatchingSecret) -> bool {
        matches!(self.source, Source::Upstream(_))
            && secret.until.is_some()
            && self
                .clients
                .get(client_id)
                .is_some_and(|known| known.uses.claim_report_of_previous_secret(self.clock.uptime()))
    }

    /// Asks the database, or at an edge the upstream, whether a client has this secret. If there is no answer, the cache
    /// may accept the secret, but not refuse it.
    async fn check_client(
        &self,
        client_id: &str,
        secret: ClientSecret,
        presented: &SecretDigest,
    ) -> Result<Option<(MatchingSecret, AsOf)>, Error> {
        let (memory, now) = (self.memory_as_of(), self.now_as_of());
        let checked = match &self.source {
            Source::Database(source) => {
                let checked = self.check_client_in_database(source, client_id, presented).await;
                checked.map(|matching| Some((matching?, now)))
            }
            Source::Upstream(source) => self.check_client_upstream(source, client_id, secret, presented).await,
        };
        checked.or_else(|error| {
            let matches = |secrets: &Secrets| secrets.match_at(presented, self.expiry_clock());
            let cached = self.cached_client_with(client_id, matches, Staleness::StaleIfError);
            cached.filter(|_| error.is_transient()).map(|(_, matching)| Some((matching, memory))).ok_or(error)
        })
    }

    async fn check_client_in_database(
        &self,
        source: &DatabaseSource,
        client_id: &str,
        presented: &SecretDigest,
    ) -> Result<Option<MatchingSecret>, Error> {
        let (change_seq, wanted) = (self.cache.change_seq(), client_id.to_owned());
        let stored = source.database.run(move |store| store.client_secrets(&wanted)).await?;
        let now = self.expiry_clock();
        let (row, secrets) = match stored {
            Some(StoredSecrets { row, secrets }) => (Some(row), secrets),
            None => (None, Secrets::matching_nothing()),
        };
        let matching = secrets.match_at(presented, now);
        if matching.is_some() {
            self.clients.insert(client_id, row, change_seq, secrets);
        }
        Ok(matching)
    }

    async fn check_client_upstream(
        &self,
        source: &UpstreamSource,
        client_id: &str,
        secret: ClientSecret,
        presented: &SecretDigest,
    ) -> Result<Option<(MatchingSecret, AsOf)>, Error> {
        let asked_at = self.expiry_clock();
        let accepted = source.check_client(client_id, secret).await?;
        let Some(AcceptedSecret { expires_in, as_of }) = accepted else { return Ok(None) };
        let until = expires_in.map(|left| asked_at.after(left));
        if let Some(change_seq) = self.upstream_change_seq(&as_of) {
            // During a grace period the client has two secrets, of which the upstream tells one at a time.
            let before = self.clients.get(client_id);
            let is_current = |seq| self.cache.clients_are_current(seq, Uptime::now(), Staleness::Bound);
            let before = before.filter(|known| is_current(known.change_seq));
            let (since, secrets) =
                before.map_or((change_seq, Secrets::matching_nothing()), |known| (known.change_seq, known.secrets));
            let secrets = secrets.with(presented.clone(), until);
            let uses = self.clients.insert(client_id, None, change_seq.min(since), secrets);
            if until.is_some() {
                uses.claim_report_of_previous_secret(self.clock.uptime());
            }
        }
        Ok(Some((MatchingSecret { until }, as_of)))
    }
}

/// A client whose secret is right.
#[derive(Clone, Debug)]
pub struct AcceptedClient {
    /// Its id.
    pub id: String,
    /// When the secret's grace period ends, if it is the one before the last rotation; by the clock of
    /// [`Introspect::time_left`].
    pub secret_until: Option<Timestamp>,
    /// How old this knowledge is, and from which database.
    pub as_of: AsOf,
}

/// What may be remembered of a client whose secret was accepted, besides its `Authorization`.
pub struct RememberedClient {
    /// It is accepted while [`Introspect::clients_are_current`] says so.
    pub change_seq: ChangeSeq,
    /// Where its requests are counted.
    pub uses: ClientUses,
    /// The client, as the one who uses tokens.
    pub used_by: UsedBy,
}

/// A client that has presented a right secret.
#[derive(Clone)]
struct KnownClient {
    /// Its row, which tells it from a later client of the same name; `None` at an edge.
    row: Option<i64>,
    /// The sequence number of changes at the lookup of its secrets.
    change_seq: ChangeSeq,
    secrets: Secrets,
    uses: ClientUses,
}

/// Clients that have presented a right secret. Only existing clients are stored, so there are few. A deleted client
/// stays in the map but is not accepted, because clients have changed since its lookup.
#[derive(Default)]
pub struct Clients {
    known: RwLock<HashMap<String, KnownClient>>,
}

impl Clients {
    fn get(&self, client_id: &str) -> Option<KnownClient> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(client_id).cloned()
    }

    /// Returns where its requests are counted.
    fn insert(&self, client_id: &str, row: Option<i64>, change_seq: ChangeSeq, secrets: Secrets) -> ClientUses {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let same = known.get(client_id).filter(|client| client.row == row);
        let uses = same.map(|client| client.uses.clone()).unwrap_or_default();
        known.insert(client_id.to_owned(), KnownClient { row, change_seq, secrets, uses: uses.clone() });
        uses
    }

    fn note_request(&self, client_id: &str, secret: MatchingSecret, now: Timestamp) {
        if let Some(client) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(client_id) {
            client.uses.add();
            if secret.until.is_some() {
                client.uses.note_previous_secret(now);
            }
        }
    }

    /// The rows of the clients, and where their requests are counted.
    pub(super) fn uses(&self) -> Vec<(i64, ClientUses)> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.values().filter_map(|client| Some((client.row?, client.uses.clone()))).collect()
    }
}
