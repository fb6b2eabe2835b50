//! Runs database work for requests: off the event loop, and with a deadline.

use std::any::Any;
use std::pin::pin;
use std::time::Duration;

use tokio::task::JoinError;

use super::error::Error;
use crate::domain::user::UsernameCase;
use crate::logging::propagate;
use crate::store::{Batch, Store, StoreError};

/// How many rows a batch changes at most.
const BATCH_ROWS: u32 = 500;
/// How often a batch is retried when the database is busy or unreachable, and the pause before each retry.
const MAX_RETRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);

/// Whether there may be another batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Batches {
    /// There may be.
    More,
    /// There is none.
    Done,
}

/// Work on the store, with a result of any type, so that the code that runs it is compiled only once.
type Work = Box<dyn FnOnce(&Store) -> Result<Box<dyn Any + Send>, Error> + Send>;

fn any<T: Send + 'static, E: Into<Error>>(work: impl FnOnce(&Store) -> Result<T, E> + Send + 'static) -> Work {
    Box::new(move |store| match work(store) {
        Ok(value) => Ok(Box::new(value)),
        Err(error) => Err(error.into()),
    })
}

fn typed<T: 'static>(result: Result<Box<dyn Any + Send>, Error>) -> Result<T, Error> {
    result.map(|value| *value.downcast().expect("the result has the type that the work returns"))
}

fn panicked(error: JoinError) -> Error {
    Error::Store(StoreError::Panicked(error.to_string()))
}

/// The store, and how long a request waits for it.
#[derive(Clone)]
pub struct Database {
    pub(super) store: Store,
    timeout: Duration,
}

impl Database {
    pub fn new(store: Store) -> Self {
        // A little less than the limit of a request, so that the error response is in time.
        let timeout = store.timeout().mul_f32(0.9);
        Self { store, timeout }
    }

    /// Whether usernames that differ by case only are the same name.
    pub const fn username_case(&self) -> UsernameCase {
        self.store.username_case()
    }

    /// How long a request waits for the database.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Runs `work` on a thread that may block. If the database takes too long the caller gets an error anyway, and a
    /// change that was not committed by then is rolled back.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Error> {
        typed(self.run_any(any(work)).await)
    }

    async fn run_any(&self, work: Work) -> Result<Box<dyn Any + Send>, Error> {
        self.store.check()?;
        // A little less than the caller waits, so that the caller gets the database's own error and not a time-out.
        let store = self.store.with_deadline(self.timeout.mul_f32(0.95));
        let running = tokio::task::spawn_blocking(propagate(move || work(&store)));
        self.with_timeout(running).await?.map_err(panicked)?
    }

    /// Waits for `answer`, but no longer than a request may wait for the database.
    pub async fn with_timeout<T>(&self, answer: impl Future<Output = T>) -> Result<T, Error> {
        let deadline = self.timeout;
        let timed_out = |_| Error::Store(StoreError::Unavailable(format!("no answer within {deadline:?}")));
        let mut answer = pin!(answer);
        if let Ok(answer) = tokio::time::timeout(deadline / 4, &mut answer).await {
            return Ok(answer);
        }
        self.store.start_probe();
        tokio::time::timeout(deadline * 3 / 4, answer).await.map_err(timed_out)
    }

    /// As [`Database::run`], without a deadline.
    pub async fn without_deadline<T: Send + 'static, E: Into<Error> + Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Error> {
        let (store, work) = (self.store.clone(), any(work));
        typed(tokio::task::spawn_blocking(move || work(&store)).await.map_err(panicked)?)
    }

    /// Calls `batch` with the last id and a maximum number of rows until it finds no more rows. Calls `on_progress`
    /// with the number of rows that each batch has changed. Returns their sum. Other transactions run in between, and
    /// finished batches stay done.
    ///
    /// # Errors
    /// [`Error::Store`] when a batch keeps failing; earlier batches stay done.
    pub async fn in_batches(
        &self,
        batch: impl Fn(&Store, i64, u32) -> Result<Option<Batch>, StoreError> + Clone + Send + 'static,
        mut on_progress: impl FnMut(u64),
    ) -> Result<u64, Error> {
        let (mut after, mut limit, mut changed, mut failed) = (i64::MIN, BATCH_ROWS, 0, 0);
        loop {
            let batch = batch.clone();
            match self.without_deadline(move |store| batch(store, after, limit)).await {
                Ok(None) => return Ok(changed),
                Ok(Some(done)) => {
                    (after, failed) = (done.last, 0);
                    changed += done.changed;
                    on_progress(done.changed);
                }
                Err(Error::Store(error)) if error.is_transient() && failed < MAX_RETRIES => {
                    log::debug!("retrying a batch: {error}");
                    failed += 1;
                    // With fewer rows, a locked row or a slow disk delays less work.
                    limit = (limit / 2).max(1);
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}
