//! The state of a connection. `server/wire/` reads here whether the connection waits for its client or works on a
//! request: only a connection that waits may be closed to make room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::Context;

use futures_util::task::AtomicWaker;

use crate::domain::time::Uptime;

/// One connection.
#[derive(Debug)]
pub struct Connection {
    /// Since when the connection waits for its client, in nanoseconds of uptime; 0: it does not wait.
    waiting_since: AtomicU64,
    /// Requests that the application got and whose answers are not completely written.
    in_flight: AtomicU32,
    /// All requests that the application got.
    requests_begun: AtomicU32,
    /// Set by [`Connection::ask_to_close`].
    asked_to_close: AtomicBool,
    waker: AtomicWaker,
}

impl Default for Connection {
    fn default() -> Self {
        let connection = Self {
            waiting_since: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
            requests_begun: AtomicU32::new(0),
            asked_to_close: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        };
        connection.start_waiting();
        connection
    }
}

impl Connection {
    /// A request begins. It is in progress until the returned value is dropped.
    pub fn begin_request(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Relaxed);
        self.requests_begun.fetch_add(1, Relaxed);
        self.stop_waiting();
        InFlight(Arc::clone(self))
    }

    /// Whether no request is under way.
    pub fn is_idle(&self) -> bool {
        self.in_flight.load(Relaxed) == 0
    }

    /// How many requests have started on this connection. The count wraps.
    pub fn requests_begun(&self) -> u32 {
        self.requests_begun.load(Relaxed)
    }

    /// The connection starts to wait for its client.
    pub fn start_waiting(&self) {
        self.waiting_since.store(Uptime::now().as_nanos().max(1), Relaxed);
    }

    /// The connection stops waiting.
    pub fn stop_waiting(&self) {
        self.waiting_since.store(0, Relaxed);
    }

    /// Since when it waits for its client, in nanoseconds of uptime.
    pub fn waiting_since(&self) -> Option<u64> {
        Some(self.waiting_since.load(Relaxed)).filter(|since| *since != 0)
    }

    /// Asks the connection to close, unless its client has just sent a request.
    pub fn ask_to_close(&self) {
        self.asked_to_close.store(true, Relaxed);
        self.wake();
    }

    /// Whether the connection was asked to close.
    pub fn is_closing(&self) -> bool {
        self.asked_to_close.load(Relaxed)
    }

    /// Lets [`Connection::wake`] wake the task of `cx`.
    pub fn register(&self, cx: &Context<'_>) {
        self.waker.register(cx.waker());
    }

    /// Wakes the task that serves the connection.
    pub fn wake(&self) {
        self.waker.wake();
    }
}

/// A request in progress on a connection.
#[derive(Debug)]
pub struct InFlight(Arc<Connection>);

impl InFlight {
    /// Whether the connection closes after this request's answer.
    pub fn is_last(&self) -> bool {
        self.0.is_closing()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Relaxed) == 1 {
            self.0.start_waiting();
        }
    }
}
