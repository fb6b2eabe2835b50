//! Finds out whether the upstream is down. While it is, requests are refused at once, and one probe at a time finds out
//! when it is back.
//!
//! Changes that cannot be read do not decide this. Perhaps only `/changes` hangs, or this process was stopped for a while
//! and all its requests have timed out. Then there is no proof, and each request asks the upstream. So only the probe
//! decides. It is a request such as the others: it has the same time, and goes to the other upstreams after a failure.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::time::Uptime;
use crate::service::threads::catch_panic;
use crate::store::StoreError;
use crate::upstream::Upstream;

/// The pause between two probes.
const PAUSE: Duration = Duration::from_millis(200);

/// The same, if the upstream refuses the edge's credentials: it limits how often a client may fail.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(1);

/// Probes an upstream, in a thread of its own.
pub struct Probe {
    upstream: Upstream,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_wanted: bool,
    is_stopped: bool,
}

impl Probe {
    pub fn new(upstream: &Upstream) -> Self {
        Self { upstream: upstream.clone(), state: Mutex::default(), changed: Condvar::new() }
    }

    /// Starts a probe, unless one is under way.
    pub fn start(&self) {
        self.lock().is_wanted = true;
        self.changed.notify_all();
    }

    /// Ends the thread.
    pub fn stop(&self) {
        self.lock().is_stopped = true;
        self.changed.notify_all();
    }

    /// Probes when asked to, and then until the upstream answers.
    pub fn run(&self) {
        let mut state = self.lock();
        while !state.is_stopped {
            if !state.is_wanted {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            drop(state);
            let pause = self.probe();
            state = self.lock();
            match pause {
                None => state.is_wanted = false,
                Some(pause) => {
                    let waited = self.changed.wait_timeout_while(state, pause, |state| !state.is_stopped);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    /// Returns how long to wait for the next probe; `None`: none is needed.
    fn probe(&self) -> Option<Duration> {
        let since = Uptime::now();
        let result = catch_panic(|| self.upstream.ping());
        let result = result.unwrap_or_else(|| Err(StoreError::Panicked("a probe".into())));
        // An answer to another request outweighs the probe's failure.
        let failure = result.err().filter(|_| !self.upstream.has_answered_since(since));
        let pause = failure.as_ref().map(|error| match error {
            StoreError::UpstreamRefuses => PAUSE_AFTER_REFUSAL,
            _ => PAUSE,
        });
        self.upstream.set_down(failure);
        pause
    }

    // No thread panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
