//! The database that an import writes to, in one transaction and in batches. Each kind of row has a file.

mod entries;
mod found_users;
mod given_flags;
mod new_users;
mod tokens;
mod update;

use std::cell::Cell;
use std::collections::HashSet;

use chrono::NaiveDateTime;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::change_log;
use super::connection::Conn;
use super::login_names::require_distinct;
use super::schema::{groups, meta};
use super::user_ids::{lock, mark_from_django, next_ids};
use super::{Store, StoreError};
use crate::domain::change::Change;
use crate::domain::time::Timestamp;
use crate::domain::user::{FIRST_BOOTSTRAP_ID, UsernameCase};
pub use entries::ImportedEntry;
pub use found_users::{FoundUser, Remembered};
pub use tokens::{ImportedEnd, ImportedToken, TokenOwner};
pub use update::UpdatedUser;

/// Time-outs are off, because they are meant for requests. Sequential scans are off, because thousands of rows are
/// looked up by index, and the planner has no statistics for tables that this transaction fills.
const SETTINGS: &str = "set local statement_timeout = 0; set local lock_timeout = 0; \
                        set local idle_in_transaction_session_timeout = 0; set local enable_seqscan = off";

/// The database that an import writes to, or one that does not exist yet and so is empty.
pub struct ImportTarget<'a> {
    conn: Option<&'a mut Conn>,
    /// Whether keys became valid that a node may have cached as unknown, or users changed. New users are not cached by
    /// anybody.
    has_cached_changes: bool,
    has_new_users: bool,
    case: UsernameCase,
}

impl Store {
    /// Runs an import, in one long transaction. Until it ends no other transaction gets a user id, so that none is
    /// assigned twice. In PostgreSQL, logins and introspection continue.
    pub fn import<T>(
        &self,
        work: impl FnOnce(&mut ImportTarget<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let work = Cell::new(Some(work));
        self.change(|conn, changes| {
            let work = work.take().ok_or_else(changed_meanwhile)?;
            match conn {
                Conn::Pg(pg) => {
                    pg.batch_execute(SETTINGS)?;
                }
                // SQLite has no such timeouts.
                Conn::Sqlite(_) => {}
            }
            // One row of the change log at the end replaces those of all that is imported.
            change_log::pause(conn)?;
            lock(conn)?;
            let mut target = self.import_target(Some(conn));
            let value = work(&mut target)?;
            if target.has_cached_changes {
                changes.push(Change::Everything);
                change_log::everything_changed(conn)?;
            }
            change_log::resume(conn)?;
            if self.options.username_case == UsernameCase::Ignore {
                require_distinct(conn)?;
            }
            Ok(value)
        })
    }

    /// As [`Store::import`], for a dry run: nothing is created or written.
    pub fn dry_run_import<T>(
        &self,
        work: impl FnOnce(&mut ImportTarget<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if !self.is_initialized()? {
            return work(&mut self.import_target(None));
        }
        let work = Cell::new(Some(work));
        self.read(|conn| {
            let work = work.take().ok_or_else(changed_meanwhile)?;
            let run = |conn: &mut Conn| {
                let value = work(&mut self.import_target(Some(conn)))?;
                if self.options.username_case == UsernameCase::Ignore {
                    require_distinct(conn)?;
                }
                Ok(value)
            };
            match conn {
                Conn::Sqlite(_) => run(conn),
                Conn::Pg(_) => conn.in_transaction(|conn| {
                    conn.batch_execute(SETTINGS)?;
                    run(conn)
                }),
            }
        })
    }
}

impl Store {
    const fn import_target<'a>(&self, conn: Option<&'a mut Conn>) -> ImportTarget<'a> {
        let case = self.options.username_case;
        ImportTarget { conn, has_cached_changes: false, has_new_users: false, case }
    }
}

/// An import cannot run its work twice, because the work has already read the source. It must be started again.
fn changed_meanwhile() -> StoreError {
    StoreError::Unavailable("its tables were changed meanwhile".into())
}

impl ImportTarget<'_> {
    /// The first of `count` consecutive ids for users of a Django project whose keys cannot be ids; they are in the range
    /// of ids that no project assigns.
    pub fn next_ids_from_django(&mut self, count: usize) -> Result<i64, StoreError> {
        if let Some(conn) = &mut self.conn {
            mark_from_django(conn)?;
        }
        self.next_ids(count)
    }

    /// The first of `count` consecutive ids for new users; 1 in a database that does not exist yet.
    pub fn next_ids(&mut self, count: usize) -> Result<i64, StoreError> {
        self.conn.as_mut().map_or(Ok(1), |conn| next_ids(conn, count))
    }

    /// The names that no existing group has, each once.
    pub fn missing_groups(&mut self, names: &[String]) -> Result<Vec<String>, StoreError> {
        let existing: Vec<String> = match &mut self.conn {
            Some(conn) => groups::table.select(groups::name).load(*conn)?,
            None => Vec::new(),
        };
        let mut seen: HashSet<String> = existing.into_iter().collect();
        Ok(names.iter().filter(|name| seen.insert((*name).clone())).cloned().collect())
    }

    /// Must be called after Django's users are imported. `highest` is their highest id below the range of bootstrap
    /// ids, 0 if there is none. New users then get ids that Django will not assign.
    pub fn keep_ids_above(&mut self, highest: i64) -> Result<(), StoreError> {
        let Some(conn) = &mut self.conn else { return Ok(()) };
        if self.has_new_users || highest > 0 {
            mark_from_django(conn)?;
        }
        let last: Option<String> = meta::table.find("last_user_id").select(meta::value).first(*conn).optional()?;
        let last = last.and_then(|last| last.parse().ok()).unwrap_or(0);
        if highest <= last || highest >= FIRST_BOOTSTRAP_ID {
            return Ok(());
        }
        let raised = "insert into meta (key, value) values ('last_user_id', $1) \
                      on conflict (key) do update set value = excluded.value";
        diesel::sql_query(raised).bind::<diesel::sql_types::Text, _>(highest.to_string()).execute(*conn)?;
        Ok(())
    }

    /// The connection to write rows to; `None` if there are no rows.
    fn writer(&mut self, rows: usize) -> Option<&mut Conn> {
        self.conn.as_deref_mut().filter(|_| rows > 0)
    }
}

fn naive(moment: Option<Timestamp>) -> Option<NaiveDateTime> {
    moment.map(Timestamp::naive)
}

/// The values of one column, row by row.
fn column<'a, R, T>(rows: &'a [R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
