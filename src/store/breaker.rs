//! A circuit breaker: whether the database is known to be down. While it is, requests are refused at once, and one
//! probe at a time finds out when it is back.
//!
//! A request that timed out or was refused does not decide this, because the cause may be one lock or a moment of high
//! load. It starts a probe on a separate connection, and the probe decides.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::StoreError;
use super::connect_error::ConnectError;
use super::manager::Manager;
use crate::domain::time::Stopwatch;

/// A probe without an answer for this long counts as failed until it has one.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The pause between two probes.
const PAUSE: Duration = Duration::from_millis(200);

/// The circuit breaker.
#[derive(Debug, Default)]
pub struct Breaker {
    state: Mutex<State>,
    /// Whether there is a thread that probes.
    probing: AtomicBool,
    /// Whether a connection could not be opened.
    failed: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// Why the last probe failed; `None` when it did not.
    down: Option<String>,
    /// Started with the probe that runs now.
    probe: Option<Stopwatch>,
    /// Started when the last probe ended.
    ended: Option<Stopwatch>,
    /// Started when another connection got an answer while a probe ran.
    answered: Option<Stopwatch>,
    /// Whether the database was ever reached. If it never was, the start itself reports it.
    was_reached: bool,
    /// Whether it was logged that the database is down.
    is_logged: bool,
}

impl State {
    /// Whether another connection got an answer within the last `span`.
    fn has_answered(&self, span: Duration) -> bool {
        self.answered.as_ref().is_some_and(|answered| answered.elapsed() < span)
    }

    fn is_down(&self) -> bool {
        let is_late = |probe: &Stopwatch| probe.elapsed() >= PROBE_TIMEOUT && !self.has_answered(PROBE_TIMEOUT);
        self.down.is_some() || self.probe.as_ref().is_some_and(is_late)
    }

    fn why(&self) -> String {
        self.down.clone().unwrap_or_else(|| format!("no answer to a probe within {PROBE_TIMEOUT:?}"))
    }

    /// Logs once that the database is down or back, instead of once for each refused request.
    fn log_change(&mut self) {
        match (self.is_down() && self.was_reached, self.is_logged) {
            (true, false) => log::warn!("the database is down: {}", self.why()),
            (false, true) => log::info!("the database is back"),
            _ => return,
        }
        self.is_logged = !self.is_logged;
    }
}

impl Breaker {
    // No thread panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    /// [`StoreError::Down`] while the database is known to be down.
    pub fn check(&self) -> Result<(), StoreError> {
        if !self.probing.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut state = self.lock();
        state.log_change();
        if state.is_down() { Err(StoreError::Down(state.why())) } else { Ok(()) }
    }

    /// Records that a connection got an answer.
    pub fn answered(&self) {
        if self.probing.load(Ordering::Acquire) {
            self.lock().answered = Some(Stopwatch::start());
        }
    }

    /// Records that a connection could not be opened.
    pub fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }

    /// Whether a connection could not be opened since the last call of this.
    pub fn take_failed(&self) -> bool {
        self.failed.swap(false, Ordering::AcqRel)
    }

    /// Starts a probe, unless one is running or has just ended.
    pub fn start_probe(self: &Arc<Self>, manager: &Manager) {
        let is_recent = self.lock().ended.as_ref().is_some_and(|ended| ended.elapsed() < PAUSE);
        if is_recent || self.probing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (breaker, manager) = (Arc::downgrade(self), manager.clone());
        let probes = std::thread::Builder::new().name("probe".into());
        if let Err(error) = probes.spawn(move || probe_until_back(&breaker, &manager)) {
            log::warn!("cannot start a thread to probe the database: {error}");
            self.probing.store(false, Ordering::Release);
        }
    }

    fn begin(&self, was_reached: bool) {
        let mut state = self.lock();
        state.probe = Some(Stopwatch::start());
        state.was_reached |= was_reached;
    }

    /// A probe has ended. Returns whether another one must follow.
    fn end(&self, result: Result<(), ConnectError>) -> bool {
        let mut state = self.lock();
        let took = state.probe.take().map_or(Duration::ZERO, Stopwatch::elapsed);
        // An answer on another connection outweighs the probe's failure.
        state.down = result.err().filter(|_| !state.has_answered(took)).map(|error| error.to_string());
        state.ended = Some(Stopwatch::start());
        state.log_change();
        let goes_on = state.down.is_some();
        self.probing.store(goes_on, Ordering::Release);
        goes_on
    }
}

/// Handles the pool's background errors, one for each attempt. They are logged at debug level, because the request that
/// needs the connection reports the same error.
#[derive(Debug)]
pub struct LogErrors(pub Arc<Breaker>);

impl r2d2::HandleError<ConnectError> for LogErrors {
    fn handle_error(&self, error: ConnectError) {
        log::debug!("no connection to the database: {}", error.0);
        self.0.fail();
    }
}

/// Probes until the database is back, or the last handle to the breaker is dropped.
fn probe_until_back(breaker: &Weak<Breaker>, manager: &Manager) {
    while let Some(alive) = breaker.upgrade() {
        alive.begin(manager.servers().were_reached());
        drop(alive);
        let result = probe(manager);
        if !breaker.upgrade().is_some_and(|breaker| breaker.end(result)) {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

fn probe(manager: &Manager) -> Result<(), ConnectError> {
    match r2d2::ManageConnection::connect(manager) {
        Ok(mut opened) => opened.ping(),
        // The server is up, and accepts no more connections; existing ones go on.
        Err(error) if error.is_refusal() && manager.servers().held() > 0 => Ok(()),
        Err(error) => Err(error),
    }
}
