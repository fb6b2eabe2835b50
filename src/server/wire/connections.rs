//! The limit of connections. At the limit, the connections that have waited longest for their clients are closed: idle
//! ones, and those that send a head or body, or read an answer, too slowly. A request in progress is never cut off.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::time::Stopwatch;
use crate::http::Connection;

/// How often the log says that the limit is reached.
const WARNING_INTERVAL: Duration = Duration::from_mins(1);

/// How many connections of a worker may wait to be admitted.
pub const MAX_WAITING: usize = 16;

/// How many bytes all incomplete large heads together may hold.
const MAX_HEADS: usize = 16 * 1024 * 1024;

/// All client connections of this process.
pub struct Connections {
    limit: usize,
    slots: Mutex<Slots>,
    stopping: AtomicBool,
    heads: AtomicUsize,
}

#[derive(Default)]
struct Slots {
    entries: Vec<Option<Arc<Connection>>>,
    free: Vec<usize>,
    warned: Option<Stopwatch>,
}

impl Slots {
    fn open(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    fn connections(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.entries.iter().flatten()
    }
}

/// An admitted connection. It counts until this is dropped.
pub struct Admitted {
    connections: Arc<Connections>,
    slot: usize,
    /// The state of the connection.
    pub connection: Arc<Connection>,
    head: usize,
}

impl Connections {
    /// At most `limit` at once.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, slots: Mutex::default(), stopping: AtomicBool::new(false), heads: AtomicUsize::new(0) })
    }

    /// How many connections beyond the limit may be open while others are being closed.
    pub fn slack(limit: usize) -> usize {
        limit / 64 + 16
    }

    /// Admits a new connection. `None` if all others are busy, or if those asked to close are still open.
    pub fn admit(self: &Arc<Self>) -> Option<Admitted> {
        let mut slots = self.slots();
        let open = slots.open();
        if open >= self.limit {
            self.warn(&mut slots);
            if !self.make_room(&slots) || open >= self.limit + Self::slack(self.limit) {
                return None;
            }
        }
        let connection = Arc::new(Connection::default());
        let slot = slots.free.pop().unwrap_or_else(|| {
            slots.entries.push(None);
            slots.entries.len() - 1
        });
        slots.entries[slot] = Some(Arc::clone(&connection));
        drop(slots);
        Some(Admitted { connections: Arc::clone(self), slot, connection, head: 0 })
    }

    /// Asks the connections that have waited longest for their clients to close: several at a time, because each call
    /// looks at all connections. False if none can be closed.
    fn make_room(&self, slots: &Slots) -> bool {
        let leaving = slots.connections().filter(|connection| connection.is_closing()).count();
        let staying = slots.open() - leaving;
        if staying < self.limit {
            return true;
        }
        let waiting = slots.connections().filter(|connection| !connection.is_closing());
        let mut waiting: Vec<_> =
            waiting.filter_map(|connection| Some((connection.waiting_since()?, connection))).collect();
        if waiting.is_empty() {
            return false;
        }
        let wanted = (staying + 1 - self.limit).max(self.limit / 64).min(waiting.len());
        waiting.select_nth_unstable_by_key(wanted - 1, |(since, _)| *since);
        waiting[..wanted].iter().for_each(|(_, connection)| connection.ask_to_close());
        true
    }

    fn warn(&self, slots: &mut Slots) {
        if slots.warned.is_none_or(|warned| warned.elapsed() >= WARNING_INTERVAL) {
            slots.warned = Some(Stopwatch::start());
            log::warn!(
                "all {} connections are in use (JETON_MAX_CONNECTIONS, the limit of open files): closing those that have \
                 waited longest for their clients",
                self.limit
            );
        }
    }

    /// The server is stopping: clients are given less time from now on.
    pub fn stop(&self) {
        self.stopping.store(true, Relaxed);
        self.slots().connections().for_each(|connection| connection.wake());
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admitted {
    /// Counts the bytes that an incomplete head takes. False if there is no room for them.
    pub fn reserve(&mut self, head: usize) -> bool {
        if head == self.head {
            return true;
        }
        self.connections.heads.fetch_sub(self.head, Relaxed);
        self.head = head;
        self.connections.heads.fetch_add(head, Relaxed) + head <= MAX_HEADS
    }

    /// Whether the server is stopping.
    pub fn is_stopping(&self) -> bool {
        self.connections.stopping.load(Relaxed)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.reserve(0);
        let mut slots = self.connections.slots();
        slots.entries[self.slot] = None;
        slots.free.push(self.slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_wait_longest_are_closed_and_busy_ones_stay() {
        let connections = Connections::new(3);
        let first = connections.admit().unwrap();
        let busy = first.connection.begin_request();
        let second = connections.admit().unwrap();
        let third = connections.admit().unwrap();
        let fourth = connections.admit().expect("room is made");
        let leaving = [&first, &second, &third, &fourth].map(|admitted| admitted.connection.is_closing());
        assert_eq!(leaving, [false, true, false, false]);
        drop(second);
        let requests = [&third, &fourth].map(|admitted| admitted.connection.begin_request());
        assert!(connections.admit().is_none(), "all are busy");
        drop(busy);
        assert!(connections.admit().is_some() && first.connection.is_closing(), "one of them waits again");
        drop(requests);
    }

    #[test]
    fn large_heads_share_one_limit() {
        let connections = Connections::new(2);
        let (mut one, mut other) = (connections.admit().unwrap(), connections.admit().unwrap());
        assert!(one.reserve(MAX_HEADS) && !other.reserve(1) && one.reserve(0) && other.reserve(MAX_HEADS));
        drop(other);
        assert!(one.reserve(MAX_HEADS));
    }

    #[test]
    fn slots_are_reused_and_connections_that_do_not_close_fill_only_the_slack() {
        let connections = Connections::new(2);
        for _ in 0..100 {
            drop((connections.admit().unwrap(), connections.admit().unwrap()));
        }
        assert_eq!(connections.slots().entries.len(), 2);
        let held: Vec<_> = std::iter::from_fn(|| connections.admit()).take(1_000).collect();
        assert_eq!(held.len(), 2 + Connections::slack(2));
    }
}
