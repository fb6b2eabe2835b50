//! Where answers come from that are not in memory: the database, or at an edge another jeton.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::feed::ChangeFeed;
use super::follow::Follow;
use super::lookup_batcher::{Answer, LookupBatcher, Threads};
use crate::domain::client::ClientSecret;
use crate::domain::token::{Token, TokenDigest, TokenFacts};
use crate::domain::user::User;
use crate::logging::propagate;
use crate::service::cache::{Cache, ChangeSeq};
use crate::service::database::Database;
use crate::service::metrics::Metrics;
use crate::service::{Error, Policy};
use crate::store::{Cursor, Reading, StoreError};
use crate::upstream::{AcceptedSecret, Upstream, UpstreamAnswer};

/// How often a waiting request checks whether the source is down.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// How many statements run at once, how many requests to an upstream, and how many that check clients there. An upstream
/// may be far away.
const STATEMENTS: usize = 2;
const REQUESTS: usize = 4;
const CLIENT_CHECKS: usize = 2;

/// The most bytes of a client id and its secret; longer ones are wrong.
const MAX_CREDENTIALS: usize = 2048;

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

/// The upstream, and the batches of lookups and of client checks that it is sent.
pub struct UpstreamSource {
    upstream: Upstream,
    pub follow: Arc<Follow>,
    lookups: LookupBatcher<Token, UpstreamAnswer>,
    client_checks: LookupBatcher<(String, ClientSecret), AcceptedSecret>,
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
        let lookups = LookupBatcher::start(threads, cache, move |keys: &[Token]| {
            metrics.record_lookup(keys.len());
            Ok(asked.introspect(keys)?.into_iter().map(Some).collect())
        })?;
        let asked = upstream.clone();
        let threads = Threads { name: "clients", count: CLIENT_CHECKS, timeout };
        let client_checks = LookupBatcher::start(threads, cache, move |candidates: &[(String, ClientSecret)]| {
            check_clients(&asked, candidates)
        })?;
        let follow = Arc::new(Follow::new(upstream, policy, cache, feed));
        Ok(Self { upstream: upstream.clone(), follow, lookups, client_checks })
    }

    /// Introspects a key.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn introspect(&self, key: Token) -> Result<(ChangeSeq, UpstreamAnswer), Error> {
        let (change_seq, answer) = self.wait(self.lookups.get(key)).await?;
        let answer = answer.ok_or_else(|| StoreError::Upstream("it gave no result".into()))?;
        Ok((change_seq, answer))
    }

    /// Whether a client's secret is right; `None`: it is not.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn check_client(
        &self,
        client_id: &str,
        secret: ClientSecret,
    ) -> Result<(ChangeSeq, Option<AcceptedSecret>), Error> {
        self.wait(self.client_checks.get((client_id.to_owned(), secret))).await
    }

    /// Reads the changes after a cursor that another edge, or a node, has given.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn read_changes(&self, after: Cursor) -> Result<Reading, Error> {
        let (upstream, timeout) = (self.upstream.clone(), self.upstream.timeout());
        let reading = tokio::task::spawn_blocking(propagate(move || upstream.changes(Some(&after), timeout)));
        let reading = self.within_deadline(reading).await?;
        Ok(reading.unwrap_or_else(|panic| Err(StoreError::Failed(panic.to_string())))?)
    }

    async fn wait<V>(&self, answer: impl Future<Output = Answer<V>>) -> Result<(ChangeSeq, Option<V>), Error> {
        Ok(self.within_deadline(answer).await??)
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

/// Checks each pair once: many requests of a client may wait at the same moment.
fn check_clients(
    upstream: &Upstream,
    candidates: &[(String, ClientSecret)],
) -> Result<Vec<Option<AcceptedSecret>>, StoreError> {
    let mut known = HashMap::new();
    let mut results = Vec::with_capacity(candidates.len());
    for (client_id, secret) in candidates {
        // A server refuses so long a header with an error that concerns the others, too.
        if client_id.len() + secret.expose().len() > MAX_CREDENTIALS {
            results.push(None);
            continue;
        }
        let of = (client_id, *secret.digest().as_bytes());
        let result = match known.get(&of) {
            Some(known) => *known,
            None => upstream.check_client(client_id, secret)?,
        };
        known.insert(of, result);
        results.push(result);
    }
    Ok(results)
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
