//! Keeps the cache in sync: reads the change log again and again.
//!
//! Whoever notes the time and then reads all changes that were not read yet knows, afterwards, everything that was
//! committed before that time. That moment is the sync time.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use crate::domain::time::{Stopwatch, Uptime};
use crate::service::Introspect;
use crate::service::cache::Cache;
use crate::service::introspection::feed::ChangeFeed;
use crate::service::introspection::follow::Following;
use crate::service::introspection::source::Source;
use crate::service::threads::catch_panic;
use crate::store::{ChangeReader, Store, StoreError};

/// Readings within one revocation bound: with four, one or two that are late do no harm.
const READINGS_PER_BOUND: u32 = 4;

/// How often the watch checks for hints between two readings.
const POLL: Duration = Duration::from_millis(20);

/// The shortest interval. With a smaller bound the cache is out of sync, and unused, most of the time.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// The longest interval: whoever asks `/changes` waits for the next reading, no longer than requests may take.
const MAX_INTERVAL: Duration = Duration::from_millis(500);

/// The bounds of a reading's deadline. A reading that takes longer than the revocation bound proves nothing.
const MIN_DEADLINE: Duration = Duration::from_secs(1);
const MAX_DEADLINE: Duration = Duration::from_secs(2);

/// How long to wait before a new connection replaces a broken one.
const RETRY: Duration = Duration::from_millis(500);

/// Ends the watch when it is dropped.
pub struct Watch {
    _stop: Stop,
}

/// What ends a watch of a database, or of an upstream.
enum Stop {
    Database { _stop: Sender<()> },
    Upstream { _following: Following },
}

impl Introspect {
    /// Starts to receive changes. Until the first sync nothing is served from the cache.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn watch(&self) -> std::io::Result<Watch> {
        let database = match &self.source {
            Source::Database(source) => &source.database,
            Source::Upstream(source) => {
                return Ok(Watch { _stop: Stop::Upstream { _following: source.follow.start()? } });
            }
        };
        let (stop, stopped) = mpsc::channel();
        let watcher = Watcher {
            store: database.store.clone(),
            cache: Arc::clone(&self.cache),
            feed: Arc::clone(&self.feed),
            interval: (self.policy.revocation_bound / READINGS_PER_BOUND).clamp(MIN_INTERVAL, MAX_INTERVAL),
            deadline: self.policy.revocation_bound.clamp(MIN_DEADLINE, MAX_DEADLINE),
            called_outdate_cursors: false,
            warned: false,
        };
        std::thread::Builder::new().name("watch".into()).spawn(move || watcher.run(&stopped))?;
        Ok(Watch { _stop: Stop::Database { _stop: stop } })
    }
}

struct Watcher {
    store: Store,
    cache: Arc<Cache>,
    feed: Arc<ChangeFeed>,
    interval: Duration,
    deadline: Duration,
    /// Whether [`Store::outdate_cursors`] was called. It is called once.
    called_outdate_cursors: bool,
    warned: bool,
}

impl Watcher {
    /// Runs until the other end of `stopped` is dropped.
    fn run(mut self, stopped: &Receiver<()>) {
        let keeps_running = |pause| matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout));
        loop {
            let result = catch_panic(|| self.follow(&keeps_running));
            let Err(error) = result.unwrap_or_else(|| Err(StoreError::Panicked("the reading of the changes".into())))
            else {
                return;
            };
            // When the node stops, the database may be closed already; that is no error.
            if !keeps_running(Duration::ZERO) {
                return;
            }
            // Logged once until it works again. A database that is down has its own line in the log.
            if !self.warned {
                log::warn!("the cache is off for now: {error}");
                self.warned = true;
            }
            if !keeps_running(RETRY.min(self.interval.max(POLL))) {
                return;
            }
        }
    }

    /// Reads until it is told to stop, or fails.
    fn follow(&mut self, keeps_running: &impl Fn(Duration) -> bool) -> Result<(), StoreError> {
        if !self.called_outdate_cursors {
            self.store.outdate_cursors()?;
            self.called_outdate_cursors = true;
        }
        // A new reader knows nothing of what was before, so its first reading clears the cache. It is not cleared sooner:
        // while the database is down, the cached answers may be all there is.
        let mut reader = self.store.change_reader(self.deadline)?;
        self.sync(&mut reader)?;
        loop {
            let since = Stopwatch::start();
            loop {
                let left = self.interval.saturating_sub(since.elapsed());
                if !keeps_running(left.min(POLL)) {
                    return Ok(());
                }
                if left <= POLL || reader.is_hinted() {
                    break;
                }
            }
            self.sync(&mut reader)?;
        }
    }

    fn sync(&mut self, reader: &mut ChangeReader) -> Result<(), StoreError> {
        // Before the reading: what is committed while it goes on may be missing from it.
        let moment = Uptime::now();
        let reading = reader.read()?;
        self.feed.apply(&self.cache, reading, moment);
        if self.warned {
            log::info!("the cache is on again");
            self.warned = false;
        }
        Ok(())
    }
}
