//! The newest changes that this node has read from the change log, in memory, for `GET /changes`.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::change::Change;
use crate::domain::time::Uptime;
use crate::service::introspection::source::Source;
use crate::service::{Error, Introspect};
use crate::store::{Cursor, Reading, Since, StoreError};

/// The most changes in memory. A request with an older cursor is answered from the table.
const MAX_CHANGES: usize = 50_000;

/// The most cursors in memory.
const MAX_CURSORS: usize = 10_000;

/// The longest cursor that an edge passes on, in bytes.
const MAX_CURSOR_LEN: usize = 8 * 1024;

/// A newer cursor replaces the newest one at this age even if nothing has changed, because cursors that are older than
/// an hour cannot be used.
const CURSOR_AGE: Duration = Duration::from_mins(1);

/// An answer of `/changes`.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The cursor for the next request.
    pub cursor: Cursor,
    /// What has changed; `None`: everything that is remembered must be discarded.
    pub changes: Option<Vec<Change>>,
}

/// The changes that were read, and the cursors between them.
#[derive(Debug)]
pub struct ChangeFeed {
    recent: Mutex<RecentChanges>,
    /// The newest sync time, in nanoseconds of uptime; 0 before the first.
    synced_at: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct RecentChanges {
    changes: VecDeque<Change>,
    /// How many older changes were dropped.
    dropped: u64,
    /// Cursors, oldest first.
    cursors: VecDeque<Cursor>,
    /// How many changes had been read at each cursor.
    positions: HashMap<Cursor, u64>,
    /// When the newest cursor was read.
    newest_since: Option<Uptime>,
    /// Where.
    place: Option<Arc<str>>,
}

impl Default for ChangeFeed {
    fn default() -> Self {
        Self { recent: Mutex::default(), synced_at: watch::Sender::new(0) }
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

    /// Records a reading that began at `moment`.
    pub fn record(&self, reading: Reading, moment: Uptime) {
        self.lock().record(reading, moment);
        self.synced_at.send_replace(moment.as_nanos());
    }

    /// Waits until a reading that began after `moment` has succeeded.
    async fn synced_after(&self, moment: Uptime) {
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
            Since::Changes(changes) if changes.is_empty() && !is_old => return,
            Since::Changes(changes) => self.changes.extend(changes),
        }
        while self.changes.len() > MAX_CHANGES {
            self.changes.pop_front();
            self.dropped += 1;
        }
        let total = self.total();
        // A cursor that is known keeps its place.
        if let Entry::Vacant(place) = self.positions.entry(reading.cursor.clone()) {
            place.insert(total);
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
}

impl Introspect {
    /// What has changed since `after`; without it, a cursor to begin with. Waits for a reading that begins after this
    /// call, so that the answer has every change that was committed before it.
    ///
    /// # Errors
    /// [`Error::Store`], also when no reading succeeds within the deadline of requests.
    pub async fn changes(&self, after: Option<&str>) -> Result<Feed, Error> {
        let arrival = Uptime::now();
        self.wait_for_sync(arrival).await?;
        let after = after.map(Cursor::presented);
        let (newest, in_memory) = {
            let recent = self.feed.lock();
            (recent.newest(), after.as_ref().and_then(|after| recent.after(after)))
        };
        let Some(cursor) = newest else {
            return Err(Error::Store(StoreError::Unavailable("the change log has not been read yet".into())));
        };
        let Some(after) = after else { return Ok(Feed { cursor, changes: Some(Vec::new()) }) };
        let changes = match in_memory {
            Some(changes) => Since::Changes(changes),
            // Nothing is known of what was told there. At an edge another upstream may know this cursor.
            None if after.place() != cursor.place() => Since::Unknown,
            // The cursor is from another node, or old. The table is read after the newest cursor was taken, so it may
            // have newer rows than this cursor. These come again in the next answer.
            None => self.read_changes(after).await?.since,
        };
        Ok(match changes {
            Since::Changes(changes) if !changes.contains(&Change::Everything) => {
                Feed { cursor, changes: Some(changes) }
            }
            _ => Feed { cursor, changes: None },
        })
    }

    async fn wait_for_sync(&self, arrival: Uptime) -> Result<(), Error> {
        match &self.source {
            Source::Database(source) => {
                source.database.store.check()?;
                source.database.with_timeout(self.feed.synced_after(arrival)).await
            }
            Source::Upstream(source) => {
                source.follow.want(arrival);
                source.within_deadline(self.feed.synced_after(arrival)).await
            }
        }
    }

    /// The changes after a cursor that is not in memory.
    async fn read_changes(&self, after: Cursor) -> Result<Reading, Error> {
        match &self.source {
            Source::Database(source) => source.database.run(move |store| store.changes(Some(&after))).await,
            // No node gives so long a cursor.
            Source::Upstream(_) if after.as_str().len() > MAX_CURSOR_LEN => {
                Ok(Reading { cursor: after, since: Since::Unknown })
            }
            Source::Upstream(source) => source.read_changes(after).await,
        }
    }
}
