//! Questions to the database for tokens, asked together: whoever waits at the same moment shares one statement.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::cache::{Born, Cache};
use super::metrics::Metrics;
use super::threads::unharmed;
use crate::domain::time::Stopwatch;
use crate::domain::token::{TokenDigest, TokenFacts};
use crate::domain::user::User;
use crate::store::{Store, StoreError};

/// A token and its user, dead or alive.
pub type Found = (TokenFacts, User);

/// What the database says of a digest, and what this node had heard of changes before it asked.
pub type Answer = Result<(Born, Option<Found>), StoreError>;

/// Statements under way at once: one, while it is quick. Whoever comes meanwhile gathers for the next.
const THREADS: usize = 2;

/// How long one who came first may wait for the statement before: it may be a slow one. Then the other thread asks.
const LONGEST_GATHERING: Duration = Duration::from_millis(5);

/// Digests in one statement.
const MOST_TOGETHER: usize = 500;

/// A handle to the threads that ask; they end when the last handle is dropped.
#[derive(Clone)]
pub struct Lookups {
    queue: Arc<Queue>,
    _owner: Arc<Owner>,
}

struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    /// Statements under way.
    asking: usize,
    /// Whether a thread looks after those who wait behind a statement.
    is_watched: bool,
    closed: bool,
}

struct Waiting {
    digest: TokenDigest,
    since: Stopwatch,
    reply: oneshot::Sender<Answer>,
}

impl Lookups {
    /// Starts the threads. `patience` is how long a request waits for its answer.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(
        store: &Store,
        cache: &Arc<Cache>,
        metrics: &Arc<Metrics>,
        patience: Duration,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue { state: Mutex::default(), filled: Condvar::new() });
        let lookups = Self { queue: Arc::clone(&queue), _owner: Arc::new(Owner(Arc::clone(&queue))) };
        for number in 0..THREADS {
            let asker = Asker {
                queue: Arc::clone(&queue),
                store: store.clone(),
                cache: Arc::clone(cache),
                metrics: Arc::clone(metrics),
                patience,
            };
            std::thread::Builder::new().name(format!("lookup-{number}")).spawn(move || asker.run())?;
        }
        Ok(lookups)
    }

    /// What the database says of a digest.
    ///
    /// # Errors
    /// [`StoreError`]; the caller sees to it that it does not wait for ever.
    pub async fn find(&self, digest: TokenDigest) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.queue.push(Waiting { digest, since: Stopwatch::start(), reply });
        answer.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the lookup was given up".into())))
    }
}

impl Queue {
    // A thread that panics holds no lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, one: Waiting) {
        let mut state = self.lock();
        // While the database stands still nobody is taken: whoever has given up must not stay for as long.
        if state.waiting.len() == state.waiting.capacity() {
            state.waiting.retain(|one| !one.reply.is_closed());
        }
        state.waiting.push(one);
        // Of those who gather, only the first has somebody to wake, and the one who fills a statement.
        let is_first = state.waiting.len() == 1 && (state.asking == 0 || !state.is_watched);
        let wakes = is_first || state.waiting.len() == MOST_TOGETHER;
        drop(state);
        if wakes {
            self.filled.notify_one();
        }
    }

    /// Those who wait, oldest first; `None` when nobody will any more. To be followed by [`Queue::asked`].
    fn take(&self) -> Option<Vec<Waiting>> {
        let mut state = self.lock();
        loop {
            state = match state.waiting.first() {
                None if state.closed => return None,
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(oldest) => {
                    let gathers = state.asking > 0 && state.waiting.len() < MOST_TOGETHER;
                    let left = LONGEST_GATHERING.saturating_sub(oldest.since.elapsed());
                    if !gathers || left.is_zero() {
                        break;
                    }
                    state.is_watched = true;
                    let (mut state, _) = self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
                    state.is_watched = false;
                    state
                }
            };
        }
        state.asking += 1;
        let many = state.waiting.len().min(MOST_TOGETHER);
        let rest = state.waiting.split_off(many);
        let taken = std::mem::replace(&mut state.waiting, rest);
        if !state.waiting.is_empty() {
            self.filled.notify_one();
        }
        Some(taken)
    }

    /// A statement is no longer under way.
    fn asked(&self) {
        self.lock().asking -= 1;
    }
}

/// Closes the queue with the last handle.
struct Owner(Arc<Queue>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.filled.notify_all();
    }
}

struct Asker {
    queue: Arc<Queue>,
    store: Store,
    cache: Arc<Cache>,
    metrics: Arc<Metrics>,
    patience: Duration,
}

impl Asker {
    fn run(&self) {
        while let Some(mut waiting) = self.queue.take() {
            waiting.retain(|one| !one.reply.is_closed() && one.since.elapsed() < self.patience);
            if !waiting.is_empty() {
                unharmed(|| self.answer(waiting));
            }
            self.queue.asked();
        }
    }

    fn answer(&self, mut waiting: Vec<Waiting>) {
        let digests: Vec<TokenDigest> = waiting.iter().map(|one| one.digest).collect();
        // Before the database is asked: a change that comes in from now on makes these answers stillborn.
        let born = self.cache.born();
        let asking = Stopwatch::start();
        let mut found = self.ask(&digests);
        // A connection that died while it lay idle is no fault of those who wait; a slow database gets no second try.
        let is_worth_it = |error: &StoreError| error.is_passing() && !matches!(error, StoreError::Down(_));
        if matches!(&found, Err(error) if is_worth_it(error)) && asking.elapsed() < self.patience / 4 {
            found = self.ask(&digests);
        }
        // A row that cannot be read is told to who asked for it, not to those whose questions went along.
        if matches!(found, Err(StoreError::Failed(_))) && waiting.len() > 1 {
            let others = waiting.split_off(waiting.len() / 2);
            self.answer(waiting);
            return self.answer(others);
        }
        for one in waiting {
            let answer = match &found {
                Ok(rows) => Ok((born, rows.get(&one.digest).cloned())),
                Err(error) => Err(error.clone()),
            };
            // Somebody who has given up meanwhile misses nothing.
            drop(one.reply.send(answer));
        }
    }

    fn ask(&self, digests: &[TokenDigest]) -> Result<HashMap<TokenDigest, Found>, StoreError> {
        self.metrics.looked_up(digests.len());
        self.store.within(self.patience).tokens(digests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_gave_up_do_not_pile_up_while_nobody_is_taken() {
        let queue = Queue { state: Mutex::default(), filled: Condvar::new() };
        let digest = TokenDigest::from_bytes(&[7; 32]).unwrap();
        let ask = || {
            let (reply, answer) = oneshot::channel();
            queue.push(Waiting { digest, since: Stopwatch::start(), reply });
            answer
        };
        let waits: Vec<_> = (0..100).map(|_| ask()).collect();
        for _ in 0..100_000 {
            drop(ask());
        }
        assert!(queue.lock().waiting.len() <= 300);
        assert!(queue.take().is_some_and(|taken| taken.iter().filter(|one| !one.reply.is_closed()).count() == 100));
        drop(waits);
    }
}
