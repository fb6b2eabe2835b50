//! How many connections there are at once. At the limit those make room whose clients have kept us waiting longest: who is
//! idle, and who sends its head or body or takes its answer too slowly. A request that is being worked on is never let go.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::time::Stopwatch;
use crate::http::Connection;

/// How often the log says that the limit is reached.
const WARNING_INTERVAL: Duration = Duration::from_mins(1);

/// How many a worker may have that wait to be let in.
pub const WAITING: usize = 16;

/// What large heads that are not complete may hold, all together, in bytes.
const MAX_HEADS: usize = 16 * 1024 * 1024;

/// All connections of this process that requests come by.
pub struct Connections {
    limit: usize,
    known: Mutex<Known>,
    stopping: AtomicBool,
    heads: AtomicUsize,
}

#[derive(Default)]
struct Known {
    places: Vec<Option<Arc<Connection>>>,
    free: Vec<usize>,
    warned: Option<Stopwatch>,
}

impl Known {
    fn open(&self) -> usize {
        self.places.len() - self.free.len()
    }

    fn connections(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.places.iter().flatten()
    }
}

/// A connection that was let in; it counts until this is dropped.
pub struct Admitted {
    connections: Arc<Connections>,
    place: usize,
    /// What is known of it.
    pub connection: Arc<Connection>,
    head: usize,
}

impl Connections {
    /// At most `limit` at once.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, known: Mutex::default(), stopping: AtomicBool::new(false), heads: AtomicUsize::new(0) })
    }

    /// How many more may be there for the moment that others need to go.
    pub fn slack(limit: usize) -> usize {
        limit / 64 + 16
    }

    /// A new connection; none where all others are busy, or those that were let go are not gone yet.
    pub fn admit(self: &Arc<Self>) -> Option<Admitted> {
        let mut known = self.known();
        let open = known.open();
        if open >= self.limit {
            self.warn(&mut known);
            if !self.make_room(&known) || open >= self.limit + Self::slack(self.limit) {
                return None;
            }
        }
        let connection = Arc::new(Connection::default());
        let place = known.free.pop().unwrap_or_else(|| {
            known.places.push(None);
            known.places.len() - 1
        });
        known.places[place] = Some(Arc::clone(&connection));
        drop(known);
        Some(Admitted { connections: Arc::clone(self), place, connection, head: 0 })
    }

    /// Lets go those that have waited longest for their clients, some at a time, for all are looked at each time. False when
    /// nobody can be.
    fn make_room(&self, known: &Known) -> bool {
        let leaving = known.connections().filter(|connection| connection.is_leaving()).count();
        let staying = known.open() - leaving;
        if staying < self.limit {
            return true;
        }
        let waiting = known.connections().filter(|connection| !connection.is_leaving());
        let mut waiting: Vec<_> =
            waiting.filter_map(|connection| Some((connection.waits_since()?, connection))).collect();
        if waiting.is_empty() {
            return false;
        }
        let wanted = (staying + 1 - self.limit).max(self.limit / 64).min(waiting.len());
        waiting.select_nth_unstable_by_key(wanted - 1, |(since, _)| *since);
        waiting[..wanted].iter().for_each(|(_, connection)| connection.let_go());
        true
    }

    fn warn(&self, known: &mut Known) {
        if known.warned.is_none_or(|warned| warned.elapsed() >= WARNING_INTERVAL) {
            known.warned = Some(Stopwatch::start());
            log::warn!(
                "all {} connections are taken (JETON_MAX_CONNECTIONS, the limit of open files): those that wait longest for their clients are closed",
                self.limit
            );
        }
    }

    /// From now on nobody is waited for as long as before.
    pub fn stop(&self) {
        self.stopping.store(true, Relaxed);
        self.known().connections().for_each(|connection| connection.wake());
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admitted {
    /// Takes note of what an incomplete head holds. False: there is no room for so much.
    pub fn holds(&mut self, head: usize) -> bool {
        if head == self.head {
            return true;
        }
        self.connections.heads.fetch_sub(self.head, Relaxed);
        self.head = head;
        self.connections.heads.fetch_add(head, Relaxed) + head <= MAX_HEADS
    }

    /// Whether the server is about to end.
    pub fn is_stopping(&self) -> bool {
        self.connections.stopping.load(Relaxed)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.holds(0);
        let mut known = self.connections.known();
        known.places[self.place] = None;
        known.free.push(self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_longest_makes_room_and_who_is_busy_stays() {
        let connections = Connections::new(3);
        let first = connections.admit().unwrap();
        let busy = first.connection.begin();
        let second = connections.admit().unwrap();
        let third = connections.admit().unwrap();
        let fourth = connections.admit().expect("room is made");
        let leaving = [&first, &second, &third, &fourth].map(|admitted| admitted.connection.is_leaving());
        assert_eq!(leaving, [false, true, false, false]);
        drop(second);
        let requests = [&third, &fourth].map(|admitted| admitted.connection.begin());
        assert!(connections.admit().is_none(), "all are busy");
        drop(busy);
        assert!(connections.admit().is_some() && first.connection.is_leaving(), "one of them waits again");
        drop(requests);
    }

    #[test]
    fn large_heads_hold_no_more_than_there_is_for_all() {
        let connections = Connections::new(2);
        let (mut one, mut other) = (connections.admit().unwrap(), connections.admit().unwrap());
        assert!(one.holds(MAX_HEADS) && !other.holds(1) && one.holds(0) && other.holds(MAX_HEADS));
        drop(other);
        assert!(one.holds(MAX_HEADS));
    }

    #[test]
    fn a_place_is_given_again_and_those_who_do_not_go_fill_no_more_than_the_slack() {
        let connections = Connections::new(2);
        for _ in 0..100 {
            drop((connections.admit().unwrap(), connections.admit().unwrap()));
        }
        assert_eq!(connections.known().places.len(), 2);
        let held: Vec<_> = std::iter::from_fn(|| connections.admit()).take(1_000).collect();
        assert_eq!(held.len(), 2 + Connections::slack(2));
    }
}
