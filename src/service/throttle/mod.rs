//! Limits on failed logins and on failed client credentials.
//!
//! An attempt reserves a slot in each window before it is checked, and releases it if it was good, so that a thousand
//! guesses at the same moment cannot all pass before the first one is counted. When a window is full of undecided
//! attempts, further ones wait, so that good logins at the same moment do not lock each other out. Only a few may wait,
//! and each is woken when it can go on. Existing limiter crates cannot count only failures.

mod key;
mod limit;
mod recent;
mod window;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::domain::rate::Rate;
use crate::domain::time::{Clock, Uptime};
pub use key::{Key, Keys};
pub use limit::{Limit, WindowState};
pub use recent::Recent;

/// How many may wait, in all windows.
const MAX_WAITING: usize = 256;

/// An attempt that has waited this long is refused.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Several limits; an attempt must be within all of them.
pub struct Throttle {
    state: Mutex<State>,
}

struct State {
    limits: Vec<Option<Limit>>,
    waiting: usize,
    last_ticket: u64,
}

/// A slot that an attempt needs.
#[derive(Clone, Copy)]
pub struct Wanted {
    /// The index of the limit.
    pub limit: usize,
    /// The key of the window.
    pub key: Key,
    /// What happens when the window is full.
    pub if_full: IfFull,
}

/// What happens to an attempt when a window is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfFull {
    /// It waits, or is refused.
    Refused,
    /// It continues without a slot.
    Admitted,
    /// The caller must decide.
    Unclear,
}

/// A refused attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// How long until there is a slot in each window.
    pub wait: Duration,
    /// Whether it is the first refusal since one of the windows had a free slot. Only the first one goes to the audit
    /// log, so that a flood of attempts does not become a flood of writes.
    pub is_first: bool,
}

/// Why an attempt may not continue.
#[derive(Debug, PartialEq, Eq)]
pub enum Stopped {
    /// A window is full of failures.
    Refused(Refusal),
    /// Too many attempts wait already, or the wait took too long.
    Busy,
    /// A window without a free slot has [`IfFull::Unclear`].
    Unclear,
}

/// An attempt under way; a failure unless it is forgiven before it is dropped.
pub struct Attempt<'a> {
    throttle: &'a Throttle,
    slots: Vec<(usize, Key)>,
    at: Uptime,
    failed: bool,
}

/// An attempt that waits in the queue of a window, or whose turn it is. Dropped when it has a slot or gives up.
struct Waiting<'a> {
    throttle: &'a Throttle,
    slot: (usize, Key),
    ticket: u64,
    woken: oneshot::Receiver<()>,
}

/// The first result of an attempt.
enum Outcome<'a> {
    Taken(Attempt<'a>),
    Queued(Waiting<'a>),
}

impl Throttle {
    /// One limit for each rate, in the same order. A limit without a rate is off.
    pub fn new(rates: &[Option<Rate>]) -> Self {
        let limits = rates.iter().map(|rate| rate.map(Limit::new)).collect();
        Self { state: Mutex::new(State { limits, waiting: 0, last_ticket: 0 }) }
    }

    /// Reserves all slots, waiting for them if necessary.
    pub async fn attempt(&self, wanted: &[Wanted], clock: &Clock) -> Result<Attempt<'_>, Stopped> {
        // Dropped after the next attempt, because only then it is known whether another waiter can have the slot.
        let mut turn: Option<Waiting<'_>> = None;
        loop {
            let mut waiting = match self.take(wanted, turn.as_ref().map(|turn| turn.slot), clock.uptime())? {
                Outcome::Taken(attempt) => return Ok(attempt),
                Outcome::Queued(waiting) => waiting,
            };
            drop(turn.take());
            if tokio::time::timeout(MAX_WAIT, &mut waiting.woken).await.is_err() {
                return Err(Stopped::Busy);
            }
            turn = Some(waiting);
        }
    }

    fn take(&self, wanted: &[Wanted], turn: Option<(usize, Key)>, now: Uptime) -> Result<Outcome<'_>, Stopped> {
        let state = &mut *self.lock();
        let (mut slots, mut full, mut undecided) = (Vec::with_capacity(wanted.len()), Vec::new(), None);
        for Wanted { limit, key, if_full } in wanted {
            let Some(windows) = &mut state.limits[*limit] else { continue };
            let slot = (*limit, *key);
            match (windows.state(key, turn == Some(slot), now), if_full) {
                (WindowState::Free, _) => slots.push(slot),
                (_, IfFull::Admitted) => {}
                (_, IfFull::Unclear) => return Err(Stopped::Unclear),
                (WindowState::Failures(wait), IfFull::Refused) => full.push((slot, wait)),
                (WindowState::Undecided, IfFull::Refused) => undecided = undecided.or(Some(slot)),
            }
        }
        if let Some(wait) = full.iter().map(|(_, wait)| *wait).max() {
            // All full windows are marked as having refused, not only the first of them.
            let firsts = full.iter().filter(|((limit, key), _)| state.windows(*limit).refuse(key)).count();
            return Err(Stopped::Refused(Refusal { wait, is_first: firsts > 0 }));
        }
        if let Some((limit, key)) = undecided {
            return self.queue(state, (limit, key), turn == Some((limit, key))).map(Outcome::Queued);
        }
        for (limit, key) in &slots {
            state.windows(*limit).take(*key, now);
        }
        Ok(Outcome::Taken(Attempt { throttle: self, slots, at: now, failed: true }))
    }

    fn queue(&self, state: &mut State, slot: (usize, Key), in_turn: bool) -> Result<Waiting<'_>, Stopped> {
        if state.waiting >= MAX_WAITING {
            return Err(Stopped::Busy);
        }
        let ticket = state.last_ticket + 1;
        let woken = state.windows(slot.0).wait(slot.1, ticket, in_turn).ok_or(Stopped::Busy)?;
        state.last_ticket = ticket;
        state.waiting += 1;
        Ok(Waiting { throttle: self, slot, ticket, woken })
    }

    /// Removes expired failures, and frees their memory.
    pub fn sweep(&self, now: Uptime) {
        for limit in self.lock().limits.iter_mut().flatten() {
            limit.sweep(now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn windows(&mut self, limit: usize) -> &mut Limit {
        self.limits[limit].as_mut().expect("a limit that is off has no slot to take")
    }
}

impl Attempt<'_> {
    /// Releases the slots: the attempt was good, or was never decided.
    pub fn forgive(mut self) {
        self.failed = false;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let (failure, mut state) = (self.failed.then_some(self.at), self.throttle.lock());
        for (limit, key) in &self.slots {
            state.windows(*limit).decide(key, failure);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let (mut state, (limit, key)) = (self.throttle.lock(), self.slot);
        state.waiting -= 1;
        state.windows(limit).leave(&key, self.ticket);
    }
}

#[cfg(test)]
mod tests;
