//! What threads of jeton's own take their work from. What it holds, and whose turn it is, is the business of whoever uses
//! it; waiting, waking and the end are the same for all.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Work behind a lock, and the threads that wait for some.
pub struct Queue<W> {
    state: Mutex<State<W>>,
    changed: Condvar,
}

struct State<W> {
    work: W,
    waiting: Waiting,
    is_closed: bool,
}

/// How many threads wait.
#[derive(Clone, Copy, Default)]
pub struct Waiting {
    /// For any work.
    pub idle: usize,
    /// Until they take what there is.
    pub timed: usize,
}

/// What a thread that asks for work is told.
pub enum Next<T> {
    /// Here it is; another thread is woken where it leaves some.
    Take(T, Wake),
    /// There is none.
    Wait,
    /// There is some, to be taken when more has come, or after this time.
    WaitAtMost(Duration),
}

/// Whether a thread is woken.
#[derive(Clone, Copy)]
pub enum Wake {
    /// One is.
    One,
    /// None is: what waits already will see to it.
    None,
}

impl<W> Queue<W> {
    pub fn new(work: W) -> Self {
        let state = State { work, waiting: Waiting::default(), is_closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    // A thread that panics holds no lock: no state behind it can be half-changed.
    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what it holds.
    pub fn change<T>(&self, change: impl FnOnce(&mut W, Waiting) -> (T, Wake)) -> T {
        let mut state = self.lock();
        let waiting = state.waiting;
        let (value, wake) = change(&mut state.work, waiting);
        drop(state);
        self.wake(wake);
        value
    }

    fn wake(&self, wake: Wake) {
        match wake {
            Wake::One => self.changed.notify_one(),
            Wake::None => {}
        }
    }

    /// Waits until `next` has something to take. `None` when it has nothing, and the queue is closed.
    pub fn take<T>(&self, mut next: impl FnMut(&mut W) -> Next<T>) -> Option<T> {
        let mut state = self.lock();
        loop {
            state = match next(&mut state.work) {
                Next::Take(work, wake) => {
                    drop(state);
                    self.wake(wake);
                    return Some(work);
                }
                Next::Wait if state.is_closed => return None,
                Next::Wait => {
                    state.waiting.idle += 1;
                    let mut state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.waiting.idle -= 1;
                    state
                }
                Next::WaitAtMost(limit) => {
                    state.waiting.timed += 1;
                    let woken = self.changed.wait_timeout(state, limit);
                    let (mut state, _) = woken.unwrap_or_else(PoisonError::into_inner);
                    state.waiting.timed -= 1;
                    state
                }
            }
        }
    }

    /// Nothing comes any more.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }
}

/// Closes a queue when it is dropped: with the last handle to the threads that take from it.
pub struct CloseOnDrop<W>(pub Arc<Queue<W>>);

impl<W> Drop for CloseOnDrop<W> {
    fn drop(&mut self) {
        self.0.close();
    }
}
