//! Lookups in batches: requests that wait at the same moment share one statement, or at an edge one request.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::domain::time::Stopwatch;
use crate::service::cache::{Cache, ChangeSeq};
use crate::service::queue::{CloseOnDrop, Next, Queue, Wake};
use crate::service::threads::catch_panic;
use crate::store::StoreError;

/// The result of a lookup, and the [`ChangeSeq`] when it began.
pub type Answer<V> = Result<(ChangeSeq, Option<V>), StoreError>;

/// Asks for many at once. The results are in the order of the questions.
type Ask<K, V> = dyn Fn(&[K]) -> Result<Vec<Option<V>>, StoreError> + Send + Sync;

/// How long a batch waits for a running statement. After that another thread sends the batch.
const MAX_BATCH_DELAY: Duration = Duration::from_millis(5);

/// Questions in one statement.
const MAX_BATCH_SIZE: usize = 500;

/// The threads of a batcher.
#[derive(Clone, Copy)]
pub struct Threads {
    /// Their names begin with it.
    pub name: &'static str,
    /// How many statements run at once. While statements are fast, one is enough: lookups that arrive meanwhile go into
    /// the next batch.
    pub count: usize,
    /// How long a request waits for its answer.
    pub timeout: Duration,
}

/// A handle to the threads that ask; they end when the last handle is dropped.
pub struct LookupBatcher<K, V> {
    queue: Arc<Queue<Requests<K, V>>>,
    _close: Arc<CloseOnDrop<Requests<K, V>>>,
}

/// Waiting lookups, oldest first.
struct Requests<K, V> {
    waiting: Vec<Request<K, V>>,
    /// Statements under way.
    statements: usize,
}

impl<K, V> Default for Requests<K, V> {
    fn default() -> Self {
        Self { waiting: Vec::new(), statements: 0 }
    }
}

struct Request<K, V> {
    question: K,
    since: Stopwatch,
    reply: oneshot::Sender<Answer<V>>,
}

impl<K: Clone + Send + 'static, V: Send + 'static> LookupBatcher<K, V> {
    /// Starts the threads.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(
        threads: Threads,
        cache: &Arc<Cache>,
        ask: impl Fn(&[K]) -> Result<Vec<Option<V>>, StoreError> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let queue = Arc::new(Queue::new(Requests::default()));
        let batcher = Self { queue: Arc::clone(&queue), _close: Arc::new(CloseOnDrop(Arc::clone(&queue))) };
        let ask: Arc<Ask<K, V>> = Arc::new(ask);
        for number in 0..threads.count {
            let worker = Worker {
                queue: Arc::clone(&queue),
                ask: Arc::clone(&ask),
                cache: Arc::clone(cache),
                timeout: threads.timeout,
            };
            let thread = std::thread::Builder::new().name(format!("{}-{number}", threads.name));
            thread
                .spawn(move || worker.run())
                .map_err(|error| StoreError::Unusable(format!("cannot start a thread for lookups: {error}")))?;
        }
        Ok(batcher)
    }

    /// Looks it up.
    ///
    /// # Errors
    /// [`StoreError`]. The caller must limit the wait.
    pub async fn get(&self, question: K) -> Answer<V> {
        let (reply, answer) = oneshot::channel();
        let request = Request { question, since: Stopwatch::start(), reply };
        self.queue.change(|requests, waiting| ((), requests.push(request, waiting.timed > 0)));
        answer.await.unwrap_or_else(|_| Err(StoreError::Busy("the lookup was abandoned")))
    }
}

impl<K, V> Requests<K, V> {
    /// Adds a request. `is_timed`: a thread is waiting for the end of the batch delay.
    fn push(&mut self, request: Request<K, V>, is_timed: bool) -> Wake {
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
    fn next_batch(&mut self) -> Next<Vec<Request<K, V>>> {
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

/// A thread that asks.
struct Worker<K, V> {
    queue: Arc<Queue<Requests<K, V>>>,
    ask: Arc<Ask<K, V>>,
    cache: Arc<Cache>,
    timeout: Duration,
}

impl<K: Clone, V> Worker<K, V> {
    fn run(&self) {
        while let Some(mut batch) = self.queue.take(Requests::next_batch) {
            batch.retain(|one| !one.reply.is_closed() && one.since.elapsed() < self.timeout);
            if !batch.is_empty() {
                catch_panic(|| self.answer(batch));
            }
            self.queue.change(|requests, _| (requests.statement_ended(), Wake::None));
        }
    }

    fn answer(&self, mut batch: Vec<Request<K, V>>) {
        let questions: Vec<K> = batch.iter().map(|one| one.question.clone()).collect();
        // Read before the query: if a change arrives from now on, these answers are too old to be served.
        let change_seq = self.cache.change_seq();
        let since = Stopwatch::start();
        let mut found = (self.ask)(&questions);
        // Retried once, because an idle connection may have died. A slow database gets no second try.
        let is_final = |error: &StoreError| {
            matches!(error, StoreError::Down(_) | StoreError::UpstreamRefuses | StoreError::Throttled(_))
        };
        let is_retryable = |error: &StoreError| error.is_transient() && !is_final(error);
        if matches!(&found, Err(error) if is_retryable(error)) && since.elapsed() < self.timeout / 4 {
            found = (self.ask)(&questions);
        }
        // An unreadable row must fail its own lookup only: the batch is halved until that row is alone.
        if matches!(found, Err(StoreError::Failed(_) | StoreError::UpstreamFails(_))) && batch.len() > 1 {
            let others = batch.split_off(batch.len() / 2);
            self.answer(batch);
            return self.answer(others);
        }
        for (at, one) in batch.into_iter().enumerate() {
            let answer = match &mut found {
                Ok(results) => Ok((change_seq, results.get_mut(at).and_then(Option::take))),
                Err(error) => Err(error.clone()),
            };
            // The caller may be gone; that is no error.
            drop(one.reply.send(answer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abandoned_requests_do_not_pile_up_while_no_batch_is_taken() {
        let mut requests = Requests::<u8, u8>::default();
        let ask = |requests: &mut Requests<u8, u8>| {
            let (reply, answer) = oneshot::channel();
            requests.push(Request { question: 7, since: Stopwatch::start(), reply }, false);
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
