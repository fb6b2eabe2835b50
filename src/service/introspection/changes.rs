//! What has changed since a cursor, for whoever caches answers (`GET /changes`).

use super::source::Source;
use crate::domain::change::Change;
use crate::domain::time::Uptime;
use crate::service::{Error, Introspect};
use crate::store::{Cursor, Reading, Since, StoreError};

/// The longest cursor that an edge passes on, in bytes.
const MAX_CURSOR_LEN: usize = 8 * 1024;

/// An answer of `/changes`.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The cursor for the next request.
    pub cursor: Cursor,
    /// What has changed; `None`: everything that is cached must be discarded.
    pub changes: Option<Vec<Change>>,
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
        let (newest, in_memory) = self.feed.recent(after.as_ref());
        let Some(cursor) = newest else {
            return Err(Error::Store(StoreError::Busy("the changes have not been read yet")));
        };
        let Some(after) = after else { return Ok(Feed { cursor, changes: Some(Vec::new()) }) };
        let changes = match in_memory.or_else(|| self.after_cursor_of_another_node(&after)) {
            Some(changes) => Since::Changes(changes),
            // The cursor is from another database. This one cannot say what has changed there. An edge must not ask its
            // upstream either: behind one address both databases may answer, and the other one knows this cursor.
            None if after.place() != cursor.place() => Since::Unknown,
            // The cursor is old. The table is read after the newest cursor was taken, so this
            // answer may have changes that the newest cursor has not seen. These come again in the next answer.
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

    fn after_cursor_of_another_node(&self, cursor: &Cursor) -> Option<Vec<Change>> {
        match &self.source {
            Source::Database(_) => self.feed.after_cursor_of_another_node(cursor),
            Source::Upstream(_) => None,
        }
    }

    /// The changes after a cursor that is not in memory.
    async fn read_changes(&self, after: Cursor) -> Result<Reading, Error> {
        match &self.source {
            Source::Database(source) => {
                let _permit = source.database.with_timeout(self.feed.table_reading()).await?;
                source.database.run(move |store| store.changes(Some(&after))).await
            }
            // No node gives a cursor of that length.
            Source::Upstream(_) if after.as_str().len() > MAX_CURSOR_LEN => {
                Ok(Reading { cursor: after, since: Since::Unknown })
            }
            Source::Upstream(source) => source.read_changes(after).await,
        }
    }
}
