//! Lookups of tokens in the database, in batches: requests that wait at the same moment share one statement.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::domain::time::Stopwatch;
use crate::domain::token::{TokenDigest, TokenFacts};
use crate::domain::user::User;
use crate::service::cache::{Cache, ChangeSeq};
use crate::service::metrics::Metrics;
use crate::service::queue::{CloseOnDrop, Next, Queue, Wake};
use crate::service::threads::catch_panic;
use crate::store::{Store, StoreError};

/// A token, live or ended, and its user.
pub type TokenAndUser = (TokenFacts, User);

/// The result of a lookup, and the [`ChangeSeq`] when it began.
pub type Answer = Result<(ChangeSeq, Option<TokenAndUser>), StoreError>;

/// How many statements run at once. While statements are fast, one is enough: lookups that arrive meanwhile go into the
/// next batch.
const THREADS: usize = 2;

/// How long a batch waits for a running statement. After that the other thread sends it.
const MAX_BATCH_DELAY: Duration = Duration::from_millis(5);

/// Digests in one statement.
const MAX_BATCH_SIZE: usize = 500;

/// A handle to the threads that ask; they end when the last handle is dropped.
#[derive(Clone)]
pub struct LookupBatcher {
    queue: Arc<Queue<Requests>>,
    _close: Arc<CloseOnDrop<Requests>>,
}

/// Waiting lookups, oldest first.
#[derive(Default)]
struct Requests {
    waiting: Vec<Request>,
    /// Statements under way.
    statements: usize,
}

struct Request {
    digest: TokenDigest,
    since: Stopwatch,
    reply: oneshot::Sender<Answer>,
}

impl LookupBatcher {
    /// Starts the threads. `timeout` is how long a request waits for its answer.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(
        store: &Store,
        cache: &Arc<Cache>,
        metrics: &Arc<Metrics>,
        timeout: Duration,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new(Requests::default()));
        let batcher = Self { queue: Arc::clone(&queue), _close: Arc::new(CloseOnDrop(Arc::clone(&queue))) };
        for number in 0..THREADS {
            let worker = Worker {
                queue: Arc::clone(&queue),
                store: store.clone(),
                cache: Arc::clone(cache),
                metrics: Arc::clone(metrics),
                timeout,
            };
            std::thread::Builder::new().name(format!("lookup-{number}")).spawn(move || worker.run())?;
        }
        Ok(batcher)
    }

    /// Looks up a digest in the database.
    ///
    /// # Errors
    /// [`StoreError`]. The caller must limit the wait.
    pub async fn get(&self, digest: TokenDigest) -> Answer {
        let (reply, answer) = oneshot::channel();
        let request = Request { digest, since: Stopwatch::start(), reply };
        self.queue.change(|requests, waiting| ((), requests.push(request, waiting.timed > 0)));
        answer.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the lookup was abandoned".into())))
    }
}

impl Requests {
    /// Adds a request. `is_timed`: a thread is waiting for the end of the batch delay.
    fn push(&mut self, request: Request, is_timed: bool) -> Wake {
        // While the database hangs no batch is taken, so requests whose callers have given up are removed here.
        if self.waiting.len() == self.waiting.capacity() {
            self.waiting.retain(|one| !one.reply.is_closed());
        }
        self.waiting.push(request);
        // Only the first request of a batch, and the one that fills it, wake a thread.
        let is_first = self.waiting.len() == 1 && (self.statements == 0 || !is_timed);
        if is_first || self.waiting.len() == MAX_BATCH_SIZE { Wake::One } else { Wake::None }
    }

    /// The next batch, for one more statement. Call [`Requests::statement_ended`] when it is done.
    fn next_batch(&mut self) -> Next<Vec<Request>> {
        let Some(oldest) = self.waiting.first() else { return Next::Wait };
        let left = MAX_BATCH_DELAY.saturating_sub(oldest.since.elapsed());
        if self.statements > 0 && self.waiting.len() < MAX_BATCH_SIZE && !left.is_zero() {
            return Next::WaitAtMost(left);
        }
        self.statements += 1;
        let size = self.waiting.len().min(MAX_BATCH_SIZE);
        let rest = self.waiting.split_off(size);
        let wake = if rest.is_empty() { Wake::None } else { Wake::One };
        Next::Take(std::mem::replace(&mut self.waiting, rest), wake)
    }

    const fn statement_ended(&mut self) {
        self.statements -= 1;
    }
}

/// A thread that asks the database.
struct Worker {
    queue: Arc<Queue<Requests>>,
    store: Store,
    cache: Arc<Cache>,
    metrics: Arc<Metrics>,
    timeout: Duration,
}

impl Worker {
    fn run(&self) {
        while let Some(mut batch) = self.queue.take(Requests::next_batch) {
            batch.retain(|one| !one.reply.is_closed() && one.since.elapsed() < self.timeout);
            if !batch.is_empty() {
                catch_panic(|| self.answer(batch));
            }
            self.queue.change(|requests, _| (requests.statement_ended(), Wake::None));
        }
    }

    fn answer(&self, mut batch: Vec<Request>) {
        let digests: Vec<TokenDigest> = batch.iter().map(|one| one.digest).collect();
        // Read before the query: if a change arrives from now on, these answers are too old to be served.
        let change_seq = self.cache.change_seq();
        let since = Stopwatch::start();
        let mut found = self.ask(&digests);
        // Retried once, because an idle connection may have died. A slow database gets no second try.
        let is_retryable = |error: &StoreError| error.is_transient() && !matches!(error, StoreError::Down(_));
        if matches!(&found, Err(error) if is_retryable(error)) && since.elapsed() < self.timeout / 4 {
            found = self.ask(&digests);
        }
        // An unreadable row must fail its own lookup only: the batch is halved until that row is alone.
        if matches!(found, Err(StoreError::Failed(_))) && batch.len() > 1 {
            let others = batch.split_off(batch.len() / 2);
            self.answer(batch);
            return self.answer(others);
        }
        for one in batch {
            let answer = match &found {
                Ok(rows) => Ok((change_seq, rows.get(&one.digest).cloned())),
                Err(error) => Err(error.clone()),
            };
            // The caller may be gone; that is no error.
            drop(one.reply.send(answer));
        }
    }

    fn ask(&self, digests: &[TokenDigest]) -> Result<HashMap<TokenDigest, TokenAndUser>, StoreError> {
        self.metrics.record_lookup(digests.len());
        self.store.with_deadline(self.timeout).tokens(digests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abandoned_requests_do_not_pile_up_while_no_batch_is_taken() {
        let mut requests = Requests::default();
        let digest = TokenDigest::from_bytes(&[7; 32]).unwrap();
        let ask = |requests: &mut Requests| {
            let (reply, answer) = oneshot::channel();
            requests.push(Request { digest, since: Stopwatch::start(), reply }, false);
            answer
        };
        let waits: Vec<_> = (0..100).map(|_| ask(&mut requests)).collect();
        for _ in 0..100_000 {
            drop(ask(&mut requests));
        }
        assert!(requests.waiting.len() <= 300);
        let Next::Take(batch, _) = requests.next_batch() else { panic!("a batch is due") };
        assert_eq!(batch.iter().filter(|one| !one.reply.is_closed()).count(), 100);
        drop(waits);
    }
}
