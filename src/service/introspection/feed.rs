//! What this node has read of the change log lately, for those who remember its answers: `GET /changes`.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::change::Change;
use crate::domain::time::Uptime;
use crate::service::{Error, Introspect};
use crate::store::{Cursor, Reading, Since, StoreError};

/// How many changes are kept in memory. Who comes with an older cursor is answered from the table.
const MAX_CHANGES: usize = 50_000;

/// How many cursors are kept in memory.
const MAX_CURSORS: usize = 10_000;

/// A cursor that nothing has happened after is replaced at this age: one that is older than an hour means nothing.
const CURSOR_AGE: Duration = Duration::from_mins(1);

/// An answer of `/changes`.
#[derive(Clone, Debug)]
pub struct Feed {
    /// From where the next request goes on.
    pub cursor: Cursor,
    /// What has changed; `None`: everything that is remembered must be forgotten.
    pub changes: Option<Vec<Change>>,
}

/// The changes that were read, and the cursors between them.
#[derive(Debug)]
pub struct ChangeFeed {
    kept: Mutex<Kept>,
    /// The newest sync time, in nanoseconds of uptime; 0 before the first.
    synced_at: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    changes: VecDeque<Change>,
    /// How many changes were dropped before the first that is kept.
    dropped: u64,
    /// Cursors, oldest first.
    cursors: VecDeque<Cursor>,
    /// How many changes had been read at each cursor.
    positions: HashMap<Cursor, u64>,
    /// Since when there is the newest cursor.
    newest_since: Option<Uptime>,
}

impl Default for ChangeFeed {
    fn default() -> Self {
        Self { kept: Mutex::default(), synced_at: watch::Sender::new(0) }
    }
}

impl ChangeFeed {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a reading that began at `moment`.
    pub fn record(&self, reading: Reading, moment: Uptime) {
        self.lock().record(reading, moment);
        self.synced_at.send_replace(moment.as_nanos());
    }

    /// Waits until a reading is done that has begun after `moment`.
    async fn synced_after(&self, moment: Uptime) {
        let mut synced_at = self.synced_at.subscribe();
        // The sender lives as long as this feed.
        let _ = synced_at.wait_for(|at| *at > moment.as_nanos()).await;
    }
}

impl Kept {
    fn record(&mut self, reading: Reading, moment: Uptime) {
        let is_old = self.newest_since.is_none_or(|since| moment.since(since) > CURSOR_AGE);
        match reading.since {
            Since::Unknown => *self = Self { dropped: self.end(), ..Self::default() },
            Since::Changes(changes) if changes.is_empty() && !is_old => return,
            Since::Changes(changes) => self.changes.extend(changes),
        }
        while self.changes.len() > MAX_CHANGES {
            self.changes.pop_front();
            self.dropped += 1;
        }
        let end = self.end();
        if self.positions.insert(reading.cursor.clone(), end).is_none() {
            self.cursors.push_back(reading.cursor);
        }
        self.newest_since = Some(moment);
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
    fn end(&self) -> u64 {
        self.dropped + self.changes.len() as u64
    }

    /// The newest cursor.
    fn newest(&self) -> Option<Cursor> {
        self.cursors.back().cloned()
    }

    /// The changes after a cursor; `None` for a cursor that is not kept.
    fn after(&self, cursor: &Cursor) -> Option<Vec<Change>> {
        let from = self.positions.get(cursor)?.checked_sub(self.dropped)?;
        Some(self.changes.iter().skip(usize::try_from(from).ok()?).cloned().collect())
    }
}

impl Introspect {
    /// What has changed since `after`; without it, a cursor to begin with. Answers once a reading is done that began
    /// after this call, so that whoever asked at `t` knows all that was committed before `t`.
    ///
    /// # Errors
    /// [`Error::Store`], also when no reading is done within the deadline of requests.
    pub async fn changes(&self, after: Option<&str>) -> Result<Feed, Error> {
        let arrival = Uptime::now();
        self.database.store.check()?;
        self.database.with_timeout(self.feed.synced_after(arrival)).await?;
        let after = after.map(Cursor::presented);
        let (newest, kept) = {
            let kept = self.feed.lock();
            (kept.newest(), after.as_ref().and_then(|after| kept.after(after)))
        };
        let Some(cursor) = newest else {
            return Err(Error::Store(StoreError::Unavailable("the change log was not read yet".into())));
        };
        let Some(after) = after else { return Ok(Feed { cursor, changes: Some(Vec::new()) }) };
        let changes = match kept {
            Some(changes) => Since::Changes(changes),
            // Another node's, or an old one. The rows are read after the newest cursor was, so they may be more than
            // are due: they come again with the next answer.
            None => self.database.run(move |store| store.changes(Some(&after))).await?.since,
        };
        Ok(match changes {
            Since::Changes(changes) if !changes.contains(&Change::Everything) => {
                Feed { cursor, changes: Some(changes) }
            }
            _ => Feed { cursor, changes: None },
        })
    }
}
