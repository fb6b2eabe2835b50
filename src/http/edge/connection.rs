//! What is known of a connection while it lasts. Who serves it (`server/wire/`) reads here whether it keeps its client
//! waiting or its client keeps us waiting, for only the latter may be let go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::Context;

use futures_util::task::AtomicWaker;

use crate::domain::time::Uptime;

/// One connection.
#[derive(Debug)]
pub struct Connection {
    /// Since when it waits for its client, in nanoseconds of uptime; 0: it does not.
    waits_since: AtomicU64,
    /// Requests that were handed on and whose answers are not wholly written.
    under_way: AtomicU32,
    /// Requests that were handed on, ever.
    begun: AtomicU32,
    leaving: AtomicBool,
    waker: AtomicWaker,
}

impl Default for Connection {
    fn default() -> Self {
        let connection = Self {
            waits_since: AtomicU64::new(0),
            under_way: AtomicU32::new(0),
            begun: AtomicU32::new(0),
            leaving: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        };
        connection.wait();
        connection
    }
}

impl Connection {
    /// A request is handed on; it is under way until what this gives is dropped.
    pub fn begin(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Relaxed);
        self.begun.fetch_add(1, Relaxed);
        self.go_on();
        UnderWay(Arc::clone(self))
    }

    /// Whether no request is under way.
    pub fn is_idle(&self) -> bool {
        self.under_way.load(Relaxed) == 0
    }

    /// How many requests were handed on, ever; it wraps.
    pub fn begun(&self) -> u32 {
        self.begun.load(Relaxed)
    }

    /// From now on it waits for its client.
    pub fn wait(&self) {
        self.waits_since.store(Uptime::now().as_nanos().max(1), Relaxed);
    }

    /// It waits no more.
    pub fn go_on(&self) {
        self.waits_since.store(0, Relaxed);
    }

    /// Since when it waits for its client, in nanoseconds of uptime.
    pub fn waits_since(&self) -> Option<u64> {
        Some(self.waits_since.load(Relaxed)).filter(|since| *since != 0)
    }

    /// Ends it, unless its client turns out to have sent a request meanwhile.
    pub fn let_go(&self) {
        self.leaving.store(true, Relaxed);
        self.wake();
    }

    /// Whether it is to end.
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Relaxed)
    }

    /// Has the task of `cx` look again at [`Connection::wake`].
    pub fn register(&self, cx: &Context<'_>) {
        self.waker.register(cx.waker());
    }

    /// Has whoever serves it look again.
    pub fn wake(&self) {
        self.waker.wake();
    }
}

/// A request that is under way on a connection.
#[derive(Debug)]
pub struct UnderWay(Arc<Connection>);

impl UnderWay {
    /// Whether the connection is to end after this request's answer.
    pub fn is_last(&self) -> bool {
        self.0.is_leaving()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.0.under_way.fetch_sub(1, Relaxed) == 1 {
            self.0.wait();
        }
    }
}
