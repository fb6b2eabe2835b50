//! Keeps an edge's cache in sync: follows the changes of its upstream, as a node follows its database.
//!
//! Whoever asks `/changes` at `t` and reads the answer knows, afterwards, everything that was committed before `t`. An
//! answer takes a quarter of the bound, because the upstream waits for its own next reading. So the edge always has a
//! request under way. A follower of this edge needs the answer to a request that the edge sends after the follower has
//! asked. If the edge sent it only when the one under way is answered, the follower would wait for both. So the edge
//! sends it at once, and the upstream answers both requests at the same moment.
//!
//! Answers are applied in the order of their requests. An answer that comes after the answer to a later request is
//! ignored, because it tells nothing new.

mod probe;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::probe::Probe;
use super::feed::ChangeFeed;
use crate::domain::time::Uptime;
use crate::service::Policy;
use crate::service::cache::Cache;
use crate::service::threads::catch_panic;
use crate::store::{Cursor, Reading, Since, StoreError};
use crate::upstream::Upstream;

/// How many requests are under way at most: one for each thread.
const THREADS: usize = 3;

/// How many requests are sent within one bound at most, so that many followers are answered after one request.
const REQUESTS_PER_BOUND: u32 = 32;

/// The bounds of the time that a request may take. If there are several upstreams, the first request has half of the
/// usual time, so that another upstream is asked before the revocation bound is over.
const MIN_DEADLINE: Duration = Duration::from_millis(500);
const MAX_DEADLINE: Duration = Duration::from_secs(2);

/// How long to wait after every upstream has failed.
const RETRY: Duration = Duration::from_millis(250);

/// Follows an upstream. The threads share it.
pub struct Follow {
    upstream: Upstream,
    cache: Arc<Cache>,
    feed: Arc<ChangeFeed>,
    bound: Duration,
    probe: Probe,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_stopped: bool,
    cursor: Option<Cursor>,
    /// Requests under way.
    requests: usize,
    /// When the newest request was sent.
    sent: Option<Uptime>,
    /// When the newest request was sent whose answer was applied.
    applied: Option<Uptime>,
    /// When the newest request of a follower arrived at this edge.
    wanted: Option<Uptime>,
    /// Failures since the last success.
    failures: u32,
    /// No request is sent before this moment, because every upstream has failed.
    paused_until: Option<Uptime>,
    warned: bool,
}

/// What a thread does next.
enum Next {
    Send,
    Wait(Option<Duration>),
    Stop,
}

/// Ends the threads when it is dropped.
pub struct Following(Arc<Follow>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.lock().is_stopped = true;
        self.0.changed.notify_all();
        self.0.probe.stop();
    }
}

impl Follow {
    pub fn new(upstream: &Upstream, policy: &Policy, cache: &Arc<Cache>, feed: &Arc<ChangeFeed>) -> Self {
        Self {
            upstream: upstream.clone(),
            cache: Arc::clone(cache),
            feed: Arc::clone(feed),
            bound: policy.revocation_bound,
            probe: Probe::new(upstream),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Starts to follow.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(self: &Arc<Self>) -> std::io::Result<Following> {
        let following = Following(Arc::clone(self));
        let this = Arc::clone(self);
        std::thread::Builder::new().name("probe".into()).spawn(move || this.probe.run())?;
        for number in 0..THREADS {
            let this = Arc::clone(self);
            std::thread::Builder::new().name(format!("follow-{number}")).spawn(move || this.run())?;
        }
        Ok(following)
    }

    /// A follower's request, which arrived at `arrival`, waits until a request that is sent after it is answered.
    pub fn want(&self, arrival: Uptime) {
        let mut state = self.lock();
        let is_new = state.wanted <= state.sent;
        state.wanted = state.wanted.max(Some(arrival));
        if is_new && state.wanted > state.sent {
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.lock();
        loop {
            match state.next(Uptime::now(), self.bound / REQUESTS_PER_BOUND) {
                Next::Stop => return,
                Next::Wait(None) => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Next::Wait(Some(pause)) => {
                    state = self.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
                }
                Next::Send => {
                    // Before the request: what is committed while it goes on may be missing from its answer.
                    let sent = Uptime::now();
                    state.sent = Some(sent);
                    state.requests += 1;
                    let (cursor, deadline) = (state.cursor.clone(), self.deadline(state.failures));
                    drop(state);
                    let reading = catch_panic(|| self.upstream.changes(cursor.as_ref(), deadline));
                    let reading =
                        reading.unwrap_or_else(|| Err(StoreError::Panicked("the reading of the changes".into())));
                    let was_quick = Uptime::now().since(sent) < self.bound / REQUESTS_PER_BOUND;
                    state = self.lock();
                    state.requests -= 1;
                    match reading {
                        Ok(reading) => self.apply(&mut state, reading, sent),
                        Err(error) => self.fail(&mut state, &error, sent, was_quick),
                    }
                    self.changed.notify_all();
                }
            }
        }
    }

    fn deadline(&self, failures: u32) -> Duration {
        let usual = self.bound.clamp(MIN_DEADLINE * 2, MAX_DEADLINE);
        if self.upstream.servers() == 1 { usual } else { (usual / 2 * (failures + 1)).min(MAX_DEADLINE) }
    }

    fn apply(&self, state: &mut State, mut reading: Reading, sent: Uptime) {
        if state.applied >= Some(sent) {
            return;
        }
        // Behind one address there may be several databases, and this answer is from another one than the last. What is
        // cached is from the last one, and this one's changes say nothing about it.
        if reading.cursor.place() != state.cursor.as_ref().and_then(Cursor::place) {
            reading.since = Since::Unknown;
        }
        // These changes were applied already: another request with the same cursor had them in its answer, too.
        if matches!(reading.since, Since::Changes(_)) && self.feed.knows(&reading.cursor) {
            reading.since = Since::Changes(Vec::new());
        }
        state.cursor = Some(reading.cursor.clone());
        state.applied = Some(sent);
        self.feed.apply(&self.cache, reading, sent);
        self.upstream.set_down(None);
        if state.warned {
            log::info!("the cache is on again");
        }
        (state.failures, state.paused_until, state.warned) = (0, None, false);
    }

    fn fail(&self, state: &mut State, error: &StoreError, sent: Uptime, was_quick: bool) {
        // A later request was answered, perhaps by another upstream.
        if state.is_stopped || state.applied >= Some(sent) {
            return;
        }
        state.failures = state.failures.saturating_add(1);
        let servers = u32::try_from(self.upstream.servers()).unwrap_or(u32::MAX);
        // A kept connection may have been closed: a failure that took no time is tried again.
        if state.failures < servers || (state.failures == 1 && was_quick) {
            return;
        }
        self.probe.start();
        if state.failures.is_multiple_of(servers) {
            state.paused_until = Some(Uptime::now().after(RETRY));
        }
        if !state.warned {
            state.warned = true;
            log::warn!("the cache is off for now: {error}");
        }
    }
}

impl State {
    fn next(&self, now: Uptime, gap: Duration) -> Next {
        if self.is_stopped {
            return Next::Stop;
        }
        if let Some(until) = self.paused_until
            && until > now
        {
            return Next::Wait(Some(until.since(now)));
        }
        if self.requests > 0 && self.wanted <= self.sent {
            return Next::Wait(None);
        }
        // Followers that ask at nearly the same time share a request.
        let due = self.sent.map_or(now, |sent| sent.after(gap));
        if due > now { Next::Wait(Some(due.since(now))) } else { Next::Send }
    }
}
