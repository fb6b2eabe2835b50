//! Keeps the cache's proof young: hears changes, and proves again and again that none was missed.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use crate::domain::change::Change;
use crate::domain::time::{Stopwatch, Uptime};
use crate::service::Introspect;
use crate::service::introspection::cache::Cache;
use crate::service::threads::unharmed;
use crate::store::{Listener, Store, StoreError};

/// Proofs within one revocation bound: one that comes late, or even two, is missed by nobody.
const BEATS_PER_BOUND: u32 = 4;

/// How often what has arrived is taken in between two proofs.
const POLL: Duration = Duration::from_millis(20);

/// With a bound so small that more would be needed there is no proof most of the time, and no cache.
const LEAST_BEAT: Duration = Duration::from_millis(1);

/// How long before a broken connection is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// Ends the watch when it is dropped.
pub struct Watch {
    _stop: Sender<()>,
}

impl Introspect {
    /// Begins to hear changes. Until its first proof nothing is answered from the cache.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn watch(&self) -> std::io::Result<Watch> {
        let (stop, stopped) = mpsc::channel();
        let watcher = Watcher {
            store: self.database.store.clone(),
            cache: Arc::clone(&self.cache),
            beat: (self.policy.revocation_bound / BEATS_PER_BOUND).max(LEAST_BEAT),
            warned: false,
        };
        std::thread::Builder::new().name("watch".into()).spawn(move || watcher.run(&stopped))?;
        Ok(Watch { _stop: stop })
    }
}

struct Watcher {
    store: Store,
    cache: Arc<Cache>,
    beat: Duration,
    warned: bool,
}

impl Watcher {
    /// Until the other end of `stopped` is dropped.
    fn run(mut self, stopped: &Receiver<()>) {
        let goes_on = |pause| matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout));
        loop {
            let heard = unharmed(|| self.listen(&goes_on));
            let Err(error) = heard.unwrap_or_else(|| Err(StoreError::Failed("a panic".into()))) else { return };
            // A database that is closed meanwhile is no fault.
            if !goes_on(Duration::ZERO) {
                return;
            }
            // Once until it works again: a database that is down is told by everybody who asks it.
            if !self.warned {
                log::warn!("answers are not kept in memory for now: {error}");
                self.warned = true;
            }
            if !goes_on(RETRY.min(self.beat.max(POLL))) {
                return;
            }
        }
    }

    /// Listens until it is told to stop, or fails.
    fn listen(&mut self, goes_on: &impl Fn(Duration) -> bool) -> Result<(), StoreError> {
        let mut listener = self.store.listen()?;
        // Whatever happened while nobody listened. Not before there is an answer: while the database is down, what is kept may
        // be all that there is.
        self.prove(&mut listener, &[Change::Everything])?;
        loop {
            let since = Stopwatch::start();
            loop {
                let left = self.beat.saturating_sub(since.elapsed());
                if !goes_on(left.min(POLL)) {
                    return Ok(());
                }
                if left <= POLL {
                    break;
                }
                self.take_in(listener.poll()?);
            }
            self.prove(&mut listener, &[])?;
        }
    }

    fn prove(&mut self, listener: &mut Listener, missed: &[Change]) -> Result<(), StoreError> {
        let moment = Uptime::now();
        let changes = listener.beat()?;
        self.take_in(missed.to_vec());
        self.take_in(changes);
        self.cache.prove(moment);
        if self.warned {
            log::info!("answers are kept in memory again");
            self.warned = false;
        }
        Ok(())
    }

    fn take_in(&self, changes: Vec<Change>) {
        for change in changes {
            self.cache.apply(change);
        }
    }
}
