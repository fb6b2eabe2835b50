//! Where answers come from that are not in memory: the database, or at an edge another jeton.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::feed::ChangeFeed;
use super::follow::Follow;
use super::lookup_batcher::{Answer, LookupBatcher, Threads};
use crate::domain::change::AsOf;
use crate::domain::client::ClientSecret;
use crate::domain::token::{TokenDigest, TokenFacts};
use crate::domain::user::User;
use crate::service::cache::{Cache, ChangeSeq};
use crate::service::database::Database;
use crate::service::metrics::Metrics;
use crate::service::{Error, Policy};
use crate::store::{Cursor, Reading, Since, StoreError};
use crate::upstream::{AcceptedSecret, CheckedSecret, MAX_CREDENTIALS, Upstream, UpstreamAnswer, UsedKey};

/// How often a waiting request checks whether the source is down.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// How many lookups are under way at once: statements at a node, requests at an edge, whose upstream may be far away.
const STATEMENTS: usize = 2;
const REQUESTS: usize = 4;

/// How many of an edge's requests to check clients, and to read the changes after older cursors, are under way at once.
const CLIENT_CHECKS: usize = 2;
const CHANGES_READERS: usize = 2;

/// How many older cursors, which followers present and the edge does not have in memory, a thread asks about before it
/// answers. Each costs a request, which takes a quarter of the bound.
const OLDER_CURSORS: usize = 4;

/// A token, live or ended, and its user.
pub type TokenAndUser = (TokenFacts, User);

/// Where a miss goes.
pub enum Source {
    /// A node's database.
    Database(DatabaseSource),
    /// An edge's upstream.
    Upstream(UpstreamSource),
}

/// The database, and the batches of its lookups.
pub struct DatabaseSource {
    pub database: Database,
    lookups: LookupBatcher<TokenDigest, TokenAndUser>,
}

/// The upstream, and the batches in which it is asked.
pub struct UpstreamSource {
    upstream: Upstream,
    pub follow: Arc<Follow>,
    lookups: LookupBatcher<UsedKey, (UpstreamAnswer, AsOf)>,
    client_checks: LookupBatcher<(String, ClientSecret), CheckedSecret>,
    older_changes: LookupBatcher<Cursor, Reading>,
}

impl DatabaseSource {
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(database: &Database, cache: &Arc<Cache>, metrics: &Arc<Metrics>) -> Result<Self, StoreError> {
        let (store, metrics, timeout) = (database.store.clone(), Arc::clone(metrics), database.timeout());
        let threads = Threads { name: "lookup", count: STATEMENTS, timeout };
        let lookups = LookupBatcher::start(threads, cache, move |digests: &[TokenDigest]| {
            metrics.record_lookup(digests.len());
            let rows = store.with_deadline(timeout).tokens(digests)?;
            Ok(digests.iter().map(|digest| rows.get(digest).cloned()).collect())
        })?;
        Ok(Self { database: database.clone(), lookups })
    }

    /// Looks up a digest. Gives up once the database is known to be down, which is safe because a lookup changes nothing.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn look_up(&self, digest: TokenDigest) -> Result<(ChangeSeq, Option<TokenAndUser>), Error> {
        let answer = self.database.with_timeout(self.lookups.get(digest));
        Ok(unless_down(|| self.database.store.check(), answer).await???)
    }
}

impl UpstreamSource {
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(
        upstream: &Upstream,
        policy: &Policy,
        metrics: &Arc<Metrics>,
        cache: &Arc<Cache>,
        feed: &Arc<ChangeFeed>,
    ) -> Result<Self, StoreError> {
        let (asked, metrics, timeout) = (upstream.clone(), Arc::clone(metrics), upstream.timeout());
        let threads = Threads { name: "lookup", count: REQUESTS, timeout };
        let lookups = LookupBatcher::start(threads, cache, move |keys: &[UsedKey]| {
            metrics.record_lookup(keys.len());
            Ok(asked.introspect(keys)?.into_iter().map(Some).collect())
        })?;
        let asked = upstream.clone();
        let threads = Threads { name: "clients", count: CLIENT_CHECKS, timeout };
        let client_checks = LookupBatcher::start(threads, cache, move |candidates: &[(String, ClientSecret)]| {
            check_clients(&asked, candidates)
        })?;
        let asked = upstream.clone();
        let threads = Threads { name: "changes", count: CHANGES_READERS, timeout };
        let older_changes =
            LookupBatcher::start(threads, cache, move |cursors: &[Cursor]| read_older_changes(&asked, cursors))?;
        let follow = Arc::new(Follow::new(upstream, policy, cache, feed));
        Ok(Self { upstream: upstream.clone(), follow, lookups, client_checks, older_changes })
    }

    /// Introspects a key.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn introspect(&self, key: UsedKey) -> Result<(UpstreamAnswer, AsOf), Error> {
        Ok(self.wait(self.lookups.get(key)).await?.ok_or_else(no_result)?)
    }

    /// Whether a client's secret is right; `None`: it is not.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Throttled`], if the upstream does not check this client now.
    pub async fn check_client(&self, client_id: &str, secret: ClientSecret) -> Result<Option<AcceptedSecret>, Error> {
        match self.wait(self.client_checks.get((client_id.to_owned(), secret))).await? {
            None => Ok(None),
            Some(CheckedSecret::Accepted(accepted)) => Ok(Some(accepted)),
            Some(CheckedSecret::Throttled(wait)) => Err(Error::Throttled(wait)),
        }
    }

    /// Reads the changes after a cursor that another edge, or a node, has given. The reading begins after this call.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn read_changes(&self, after: Cursor) -> Result<Reading, Error> {
        Ok(self.wait(self.older_changes.get(after)).await?.ok_or_else(no_result)?)
    }

    /// Waits for an answer, and discards its [`ChangeSeq`]: what the edge knew when it asked says nothing about what an
    /// upstream answers (`cache/read_times.rs`).
    async fn wait<V>(&self, answer: impl Future<Output = Answer<V>>) -> Result<Option<V>, Error> {
        let (_, answer) = self.within_deadline(answer).await??;
        Ok(answer)
    }

    /// Waits for an answer, but no longer than a request may, and not for an upstream that is known to be down.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn within_deadline<T>(&self, answer: impl Future<Output = T>) -> Result<T, Error> {
        let timeout = self.upstream.timeout();
        let answer = tokio::time::timeout(timeout, answer);
        let timed_out = |_| StoreError::Upstream(format!("no answer within {timeout:?}"));
        Ok(unless_down(|| self.upstream.check(), answer).await?.map_err(timed_out)?)
    }
}

fn no_result() -> StoreError {
    StoreError::Upstream("it gave no result".into())
}

/// Reads the changes after these cursors. Each is asked about once, because after a restart of an edge all its followers
/// present the same few cursors. Further cursors get [`Since::Unknown`], which is always right: their followers discard
/// everything.
fn read_older_changes(upstream: &Upstream, cursors: &[Cursor]) -> Result<Vec<Option<Reading>>, StoreError> {
    let mut readings: HashMap<&Cursor, Reading> = HashMap::new();
    for cursor in cursors {
        if readings.len() < OLDER_CURSORS && !readings.contains_key(cursor) {
            readings.insert(cursor, upstream.changes(Some(cursor), upstream.timeout())?);
        }
    }
    let reset = |cursor: &Cursor| Reading { cursor: cursor.clone(), since: Since::Unknown };
    Ok(cursors.iter().map(|cursor| Some(readings.get(cursor).cloned().unwrap_or_else(|| reset(cursor)))).collect())
}

/// Checks each pair once: many requests of a client may wait at the same moment.
fn check_clients(
    upstream: &Upstream,
    candidates: &[(String, ClientSecret)],
) -> Result<Vec<Option<CheckedSecret>>, StoreError> {
    let (mut places, mut pairs) = (HashMap::new(), Vec::new());
    let of: Vec<Option<usize>> = candidates
        .iter()
        .map(|(client_id, secret)| {
            // A body with such a long text would be refused, and the others' credentials in it would not be checked.
            let fits = client_id.len() + secret.expose().len() <= MAX_CREDENTIALS;
            fits.then(|| {
                *places.entry((client_id, *secret.digest().as_bytes())).or_insert_with(|| {
                    pairs.push((client_id.as_str(), secret));
                    pairs.len() - 1
                })
            })
        })
        .collect();
    let results = upstream.check_clients(&pairs)?;
    Ok(of.into_iter().map(|at| results.get(at?).cloned().flatten()).collect())
}

/// Waits for an answer. Gives up when `check` says that the source is down.
async fn unless_down<T>(
    check: impl Fn() -> Result<(), StoreError>,
    answer: impl Future<Output = T>,
) -> Result<T, Error> {
    check()?;
    let mut answer = pin!(answer);
    loop {
        match tokio::time::timeout(CHECK_INTERVAL, &mut answer).await {
            Ok(answer) => return Ok(answer),
            Err(_) => check()?,
        }
    }
}
