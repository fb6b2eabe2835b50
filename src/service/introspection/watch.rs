//! Keeps the cache in sync: receives changes, and checks by heartbeats that none was missed.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use crate::domain::change::Change;
use crate::domain::time::{Stopwatch, Uptime};
use crate::service::Introspect;
use crate::service::cache::Cache;
use crate::service::threads::catch_panic;
use crate::store::{Listener, Store, StoreError};

/// Heartbeats within one revocation bound: with four, one or two that are late do no harm.
const HEARTBEATS_PER_BOUND: u32 = 4;

/// How often received changes are applied between two heartbeats.
const POLL: Duration = Duration::from_millis(20);

/// The shortest interval. With a smaller bound the cache is out of sync, and unused, most of the time.
const MIN_HEARTBEAT_INTERVAL: Duration = Duration::from_millis(1);

/// How long to wait before a new connection replaces a broken one.
const RETRY: Duration = Duration::from_millis(500);

/// Ends the watch when it is dropped.
pub struct Watch {
    _stop: Sender<()>,
}

impl Introspect {
    /// Starts to receive changes. Until the first sync nothing is served from the cache.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn watch(&self) -> std::io::Result<Watch> {
        let (stop, stopped) = mpsc::channel();
        let watcher = Watcher {
            store: self.database.store.clone(),
            cache: Arc::clone(&self.cache),
            heartbeat_interval: (self.policy.revocation_bound / HEARTBEATS_PER_BOUND).max(MIN_HEARTBEAT_INTERVAL),
            warned: false,
        };
        std::thread::Builder::new().name("watch".into()).spawn(move || watcher.run(&stopped))?;
        Ok(Watch { _stop: stop })
    }
}

struct Watcher {
    store: Store,
    cache: Arc<Cache>,
    heartbeat_interval: Duration,
    warned: bool,
}

impl Watcher {
    /// Runs until the other end of `stopped` is dropped.
    fn run(mut self, stopped: &Receiver<()>) {
        let keeps_running = |pause| matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout));
        loop {
            let result = catch_panic(|| self.listen(&keeps_running));
            let Err(error) = result.unwrap_or_else(|| Err(StoreError::Failed("a panic".into()))) else { return };
            // When the node stops, the database may be closed already; that is no error.
            if !keeps_running(Duration::ZERO) {
                return;
            }
            // Logged once until it works again. A database that is down has its own line in the log.
            if !self.warned {
                log::warn!("the cache is off for now: {error}");
                self.warned = true;
            }
            if !keeps_running(RETRY.min(self.heartbeat_interval.max(POLL))) {
                return;
            }
        }
    }

    /// Listens until it is told to stop, or fails.
    fn listen(&mut self, keeps_running: &impl Fn(Duration) -> bool) -> Result<(), StoreError> {
        let mut listener = self.store.listen()?;
        // Changes may have been missed before this connection listened, so the cache is cleared, but only once the
        // database answers: while it is down, the cached answers may be all there is.
        self.sync(&mut listener, &[Change::Everything])?;
        loop {
            let since = Stopwatch::start();
            loop {
                let left = self.heartbeat_interval.saturating_sub(since.elapsed());
                if !keeps_running(left.min(POLL)) {
                    return Ok(());
                }
                if left <= POLL {
                    break;
                }
                self.apply(listener.poll()?);
            }
            self.sync(&mut listener, &[])?;
        }
    }

    fn sync(&mut self, listener: &mut Listener, missed: &[Change]) -> Result<(), StoreError> {
        let moment = Uptime::now();
        let changes = listener.heartbeat()?;
        self.apply(missed.to_vec());
        self.apply(changes);
        self.cache.mark_synced(moment);
        if self.warned {
            log::info!("the cache is on again");
            self.warned = false;
        }
        Ok(())
    }

    fn apply(&self, changes: Vec<Change>) {
        for change in changes {
            self.cache.apply(change);
        }
    }
}
