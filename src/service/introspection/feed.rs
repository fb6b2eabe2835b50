//! The newest changes that this node has read from the change log, in memory, for `GET /changes`.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::domain::change::Change;
use crate::domain::time::Uptime;
use crate::service::cache::Cache;
use crate::store::{Cursor, Reading, Since};

/// How many changes are in memory at most. A request with an older cursor is answered from the table.
const MAX_CHANGES: usize = 50_000;

/// How many cursors are in memory at most.
const MAX_CURSORS: usize = 10_000;

/// A newer cursor replaces the newest one at this age even if nothing has changed, because cursors that are older than
/// an hour cannot be used.
const CURSOR_AGE: Duration = Duration::from_mins(1);

/// How many of this node's cursors are compared with another node's, which has read about as much.
const COMPARED_CURSORS: usize = 100;

/// The longest cursor of another node that is compared, in bytes: one with as many running transactions as are listed.
const LONGEST_COMPARED: usize = 5_000;

/// How many requests at once are answered from the table, so that followers with old cursors leave connections to others.
const TABLE_READINGS: usize = 2;

/// The changes that were read, and the cursors between them.
#[derive(Debug)]
pub struct ChangeFeed {
    recent: Mutex<RecentChanges>,
    /// The newest sync time, in nanoseconds of uptime; 0 before the first.
    synced_at: watch::Sender<u64>,
    table_readings: Semaphore,
}

#[derive(Debug, Default)]
struct RecentChanges {
    changes: VecDeque<Change>,
    /// How many older changes were dropped.
    dropped: u64,
    /// Cursors, oldest first.
    cursors: VecDeque<Cursor>,
    /// The cursor of the last reading, which is not among `cursors` if nothing had changed.
    last: Option<Cursor>,
    /// How many changes had been read at each cursor.
    positions: HashMap<Cursor, u64>,
    /// When the newest cursor was read.
    newest_since: Option<Uptime>,
    /// Where the newest cursor was taken.
    place: Option<Arc<str>>,
}

impl Default for ChangeFeed {
    fn default() -> Self {
        Self {
            recent: Mutex::default(),
            synced_at: watch::Sender::new(0),
            table_readings: Semaphore::new(TABLE_READINGS),
        }
    }
}

impl ChangeFeed {
    fn lock(&self) -> MutexGuard<'_, RecentChanges> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether everything up to this cursor has been read. An edge has several requests under way, perhaps to several
    /// nodes, whose answers may have the same changes.
    pub fn knows(&self, cursor: &Cursor) -> bool {
        self.lock().positions.contains_key(cursor)
    }

    /// Where the newest cursor was taken.
    pub fn place(&self) -> Option<Arc<str>> {
        self.lock().place.clone()
    }

    /// Applies a reading that began at `moment` to the cache, and records it.
    ///
    /// The place changes after the cache was cleared, and before there is a new proof. Otherwise an answer from the old
    /// place could be cached in between, and nobody would tell of its changes any more.
    pub fn apply(&self, cache: &Cache, reading: Reading, moment: Uptime) {
        match &reading.since {
            Since::Changes(changes) => changes.iter().for_each(|change| cache.apply(change)),
            Since::Unknown => cache.apply(&Change::Everything),
        }
        self.lock().record(reading, moment);
        cache.mark_synced(moment);
        self.synced_at.send_replace(moment.as_nanos());
    }

    /// The newest cursor, and the changes after `after` if that cursor is in memory.
    pub fn recent(&self, after: Option<&Cursor>) -> (Option<Cursor>, Option<Vec<Change>>) {
        let recent = self.lock();
        (recent.newest(), after.and_then(|after| recent.after(after)))
    }

    /// The changes after a cursor that another node gave, if that can be told from what is in memory. Some of them the
    /// cursor may have seen. Only for a node, which reads one after the other, so that its cursors are in order.
    pub fn after_cursor_of_another_node(&self, cursor: &Cursor) -> Option<Vec<Change>> {
        self.lock().after_cursor_of_another_node(cursor)
    }

    /// Waits until the table may be read for a request.
    pub async fn table_reading(&self) -> SemaphorePermit<'_> {
        self.table_readings.acquire().await.expect("the semaphore is never closed")
    }

    /// Waits until a reading that began after `moment` has succeeded.
    pub async fn synced_after(&self, moment: Uptime) {
        let mut synced_at = self.synced_at.subscribe();
        // The sender lives as long as this feed.
        let _ = synced_at.wait_for(|at| *at > moment.as_nanos()).await;
    }
}

impl RecentChanges {
    fn record(&mut self, reading: Reading, moment: Uptime) {
        let is_old = self.newest_since.is_none_or(|since| moment.since(since) > CURSOR_AGE);
        match reading.since {
            Since::Unknown => *self = Self { dropped: self.total(), ..Self::default() },
            Since::Changes(changes) if changes.is_empty() && !is_old => {
                self.last = Some(reading.cursor);
                return;
            }
            Since::Changes(changes) => self.changes.extend(changes),
        }
        while self.changes.len() > MAX_CHANGES {
            self.changes.pop_front();
            self.dropped += 1;
        }
        let total = self.total();
        self.last = Some(reading.cursor.clone());
        // A cursor that is known keeps its position.
        if let Entry::Vacant(position) = self.positions.entry(reading.cursor.clone()) {
            position.insert(total);
            self.cursors.push_back(reading.cursor);
        }
        self.newest_since = Some(moment);
        self.place = self.cursors.back().and_then(Cursor::place).map(Arc::from);
        while self.cursors.len() > MAX_CURSORS || self.oldest_position().is_some_and(|at| at < self.dropped) {
            if let Some(oldest) = self.cursors.pop_front() {
                self.positions.remove(&oldest);
            }
        }
    }

    fn oldest_position(&self) -> Option<u64> {
        self.positions.get(self.cursors.front()?).copied()
    }

    /// How many changes were read in all.
    fn total(&self) -> u64 {
        self.dropped + self.changes.len() as u64
    }

    /// The newest cursor.
    fn newest(&self) -> Option<Cursor> {
        self.cursors.back().cloned()
    }

    /// The changes after a cursor; `None` for a cursor that is not in memory.
    fn after(&self, cursor: &Cursor) -> Option<Vec<Change>> {
        let from = self.positions.get(cursor)?.checked_sub(self.dropped)?;
        Some(self.changes.iter().skip(usize::try_from(from).ok()?).cloned().collect())
    }

    fn after_cursor_of_another_node(&self, cursor: &Cursor) -> Option<Vec<Change>> {
        // Long ones take long to compare, and no node gives them to others.
        if cursor.as_str().len() > LONGEST_COMPARED {
            return None;
        }
        // A cursor that is ahead of the last reading is not from this history.
        if !self.last.as_ref()?.has_seen_all_of(cursor) {
            return None;
        }
        let mut newest_first = self.cursors.iter().rev().take(COMPARED_CURSORS);
        self.after(newest_first.find(|own| cursor.has_seen_all_of(own))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Stopwatch;

    /// Otherwise followers behind a load balancer cost a query for each of their requests.
    #[test]
    fn a_cursor_of_another_node_is_answered_from_memory() {
        let mut recent = RecentChanges::default();
        let mut read = |cursor: &str, since| {
            let reading = Reading { cursor: Cursor::presented(cursor), since };
            recent.record(reading, Uptime::from_nanos(1));
        };
        let changes = |ids: &[i64]| Since::Changes(ids.iter().copied().map(Change::User).collect());
        read("a-10-20-10.15", Since::Unknown);
        read("a-10-24-10", changes(&[1, 2]));
        read("a-10-30-10", changes(&[3]));
        read("a-40-40-", changes(&[]));
        let after = |cursor: &str| recent.after_cursor_of_another_node(&Cursor::presented(cursor));
        let users = |ids: &[i64]| Some(ids.iter().copied().map(Change::User).collect::<Vec<_>>());
        for (cursor, expected) in [
            ("a-10-20-10.15", users(&[1, 2, 3])),
            ("a-10-22-10", users(&[1, 2, 3])),
            ("a-10-24-10", users(&[3])),
            ("a-10-28-10.26", users(&[3])),
            ("a-35-35-", users(&[])),
            ("a-40-40-", users(&[])),
            ("a-10-15-10", None),
            ("a-10-20-10.12.15", None),
            ("a-41-41-", None),
            ("b-35-35-", None),
            ("", None),
        ] {
            assert_eq!(after(cursor), expected, "{cursor}");
        }
    }

    /// Otherwise an edge could cache an answer of the old place by the proof of the new one.
    #[test]
    fn there_is_no_new_proof_before_the_new_place_is_known() {
        let feed = ChangeFeed::default();
        let cache = Cache::new(0, Duration::from_secs(1), Duration::ZERO).unwrap();
        let apply = |cursor, moment| {
            feed.apply(&cache, Reading { cursor: Cursor::presented(cursor), since: Since::Unknown }, moment);
        };
        let [first, second] = [1, 2].map(Uptime::from_nanos);
        apply("a-1-x", first);
        std::thread::scope(|scope| {
            let known = feed.lock();
            scope.spawn(|| apply("b-1-x", second));
            while cache.changes_applied() < 2 {
                std::thread::yield_now();
            }
            let since = Stopwatch::start();
            while since.elapsed() < Duration::from_millis(100) {
                assert_eq!(cache.synced_at(), Some(first));
            }
            assert_eq!(known.place.as_deref(), Some("a"));
        });
        assert_eq!((cache.synced_at(), feed.place().as_deref()), (Some(second), Some("b")));
    }
}
