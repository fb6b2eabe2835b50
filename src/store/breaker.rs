//! Whether the database is known to be down. While it is, nobody waits for it: everybody is refused at once, and one probe
//! at a time finds out when it is back.
//!
//! Who waits in vain, or is refused by the database, does not decide: that may be one lock, or one busy moment. It makes a
//! probe go out, on a connection of its own, and that decides.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::StoreError;
use super::connect_error::ConnectError;
use super::manager::Manager;
use crate::domain::time::Stopwatch;

/// A probe that has had no answer for so long has found nobody, until it has one.
const LONGEST_ANSWER: Duration = Duration::from_secs(1);

/// Between two probes.
const PAUSE: Duration = Duration::from_millis(200);

/// Lets nobody through to a database that is down.
#[derive(Debug, Default)]
pub struct Breaker {
    state: Mutex<State>,
    /// Whether there is a thread that probes.
    probing: AtomicBool,
    /// A connection could not be opened.
    failed: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// Why the last probe failed; `None` when it did not.
    down: Option<String>,
    /// The one that is under way.
    probe: Option<Stopwatch>,
    /// Since the last one ended.
    ended: Option<Stopwatch>,
    /// Since somebody else had an answer, while there were probes.
    answered: Option<Stopwatch>,
    /// Whether the database has ever been there: whoever starts without one says so itself.
    was_there: bool,
    /// Whether it was logged that the database is down.
    told: bool,
}

impl State {
    /// Whether somebody had an answer within the last `span`.
    fn has_answered(&self, span: Duration) -> bool {
        self.answered.as_ref().is_some_and(|answered| answered.elapsed() < span)
    }

    fn is_down(&self) -> bool {
        let is_late = |probe: &Stopwatch| probe.elapsed() >= LONGEST_ANSWER && !self.has_answered(LONGEST_ANSWER);
        self.down.is_some() || self.probe.as_ref().is_some_and(is_late)
    }

    fn why(&self) -> String {
        self.down.clone().unwrap_or_else(|| format!("no answer to a probe within {LONGEST_ANSWER:?}"))
    }

    /// Says once what everybody who is refused would say.
    fn tell(&mut self) {
        match (self.is_down() && self.was_there, self.told) {
            (true, false) => log::warn!("the database is down: {}", self.why()),
            (false, true) => log::info!("the database is back"),
            _ => return,
        }
        self.told = !self.told;
    }
}

impl Breaker {
    // A thread that panics holds no lock.
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
        state.tell();
        if state.is_down() { Err(StoreError::Down(state.why())) } else { Ok(()) }
    }

    /// Somebody had an answer.
    pub fn answered(&self) {
        if self.probing.load(Ordering::Acquire) {
            self.lock().answered = Some(Stopwatch::start());
        }
    }

    /// A connection could not be opened: who waits for one may ask why.
    pub fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }

    /// Whether that happened since it was asked last.
    pub fn has_failed(&self) -> bool {
        self.failed.swap(false, Ordering::AcqRel)
    }

    /// Sends a probe out, unless one is under way or has just come back.
    pub fn suspect(self: &Arc<Self>, manager: &Manager) {
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

    fn begin(&self, was_there: bool) {
        let mut state = self.lock();
        state.probe = Some(Stopwatch::start());
        state.was_there |= was_there;
    }

    /// A probe has come back. Says whether there is to be another.
    fn end(&self, result: Result<(), ConnectError>) -> bool {
        let mut state = self.lock();
        let took = state.probe.take().map_or(Duration::ZERO, Stopwatch::elapsed);
        // Who had an answer meanwhile knows better.
        state.down = result.err().filter(|_| !state.has_answered(took)).map(|error| error.to_string());
        state.ended = Some(Stopwatch::start());
        state.tell();
        let goes_on = state.down.is_some();
        self.probing.store(goes_on, Ordering::Release);
        goes_on
    }
}

/// The pool's background errors, one for each time it tries: whoever wants the connection reports the same, once.
#[derive(Debug)]
pub struct LogErrors(pub Arc<Breaker>);

impl r2d2::HandleError<ConnectError> for LogErrors {
    fn handle_error(&self, error: ConnectError) {
        log::debug!("no connection to the database: {}", error.0);
        self.0.fail();
    }
}

/// Ends with the last handle to the breaker, too.
fn probe_until_back(breaker: &Weak<Breaker>, manager: &Manager) {
    while let Some(there) = breaker.upgrade() {
        there.begin(manager.servers().were_reached());
        drop(there);
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
        // The server lives and takes no more connections; those that there are go on.
        Err(error) if error.is_answer() && manager.servers().held() > 0 => Ok(()),
        Err(error) => Err(error),
    }
}
