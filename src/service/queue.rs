//! A blocking queue for jeton's own threads. It handles waiting, waking and closing. Its user decides what it holds,
//! and in which order.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Work behind a lock, and the threads that wait for it.
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
    /// For more work, or the end of a delay.
    pub timed: usize,
}

/// The answer to a thread that asks for work.
pub enum Next<T> {
    /// Take this work. With `Wake::One` another thread is woken for the rest.
    Take(T, Wake),
    /// There is no work.
    Wait,
    /// There is work, which is taken when more has arrived, or after this time.
    WaitAtMost(Duration),
}

/// Whether a thread is woken.
#[derive(Clone, Copy)]
pub enum Wake {
    /// One thread is woken.
    One,
    /// No thread is woken: one will take the work anyway.
    None,
}

impl<W> Queue<W> {
    pub fn new(work: W) -> Self {
        let state = State { work, waiting: Waiting::default(), is_closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    // A thread never panics while it holds the lock, so the state is consistent.
    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the work, and wakes a thread if `change` says so.
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

    /// Closes the queue: no more work arrives.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }
}

/// Closes a queue when it is dropped. The handles share it, so the last one closes the queue.
pub struct CloseOnDrop<W>(pub Arc<Queue<W>>);

impl<W> Drop for CloseOnDrop<W> {
    fn drop(&mut self) {
        self.0.close();
    }
}
