//! Whether the database's disk accepts writes. Readiness must not write, so the last write's result counts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::connection::Conn;
use super::error::StoreError;
use crate::domain::time::Stopwatch;

/// How often a full disk is logged.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

/// The result of the last write.
#[derive(Debug, Default)]
pub struct Disk {
    refuses: AtomicBool,
    logged: Mutex<LoggedFull>,
}

/// What was logged about it.
#[derive(Debug, Default)]
struct LoggedFull {
    full_at: Option<Stopwatch>,
    /// Logged as full, and not as writable again.
    is_full_logged: bool,
}

impl Disk {
    /// Whether the last write failed because of the disk.
    pub fn refuses(&self) -> bool {
        self.refuses.load(Ordering::Acquire)
    }

    /// Records a failure of the disk, and logs it.
    pub fn observe(&self, error: &StoreError) {
        if !matches!(error, StoreError::Disk(_)) {
            return;
        }
        self.refuses.store(true, Ordering::Release);
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.full_at.is_none_or(|logged| logged.elapsed() >= LOG_INTERVAL) {
            *logged = LoggedFull { full_at: Some(Stopwatch::start()), is_full_logged: true };
            log::warn!("{error}; until there is space, requests that write get 503; introspection continues");
        }
    }

    /// Records a write that succeeded.
    pub fn write_succeeded(&self) {
        if !self.refuses.load(Ordering::Acquire) || !self.refuses.swap(false, Ordering::AcqRel) {
            return;
        }
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut logged.is_full_logged) {
            log::info!("the database's disk takes writes again");
        }
    }
}

#[derive(diesel::QueryableByName)]
struct Assigned {
    #[diesel(sql_type = Bool)]
    assigned: bool,
}

/// Whether a transaction has changed anything, in PostgreSQL, so that its commit shows that the disk accepts writes.
pub fn has_written(conn: &mut Conn) -> Result<bool, StoreError> {
    let question = "select pg_current_xact_id_if_assigned() is not null as assigned";
    Ok(diesel::sql_query(question).get_result::<Assigned>(conn)?.assigned)
}

#[cfg(test)]
mod tests {
    use diesel::SqliteConnection;
    use diesel::connection::SimpleConnection;

    use super::*;

    #[test]
    fn a_full_disk_is_recognised_by_its_message() {
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        conn.batch_execute("pragma max_page_count = 4; create table t (x); create table u (x)").unwrap();
        let error = conn.batch_execute("insert into t values (zeroblob(100000))").unwrap_err();
        assert!(matches!(StoreError::from(error), StoreError::Disk(words) if words.contains("full")));
        conn.batch_execute("pragma query_only = on").unwrap();
        let error = conn.batch_execute("insert into t values (1)").unwrap_err();
        assert!(matches!(StoreError::from(error), StoreError::Disk(words) if words.contains("readonly")));
        let error = conn.batch_execute("select * from nowhere").unwrap_err();
        assert!(matches!(StoreError::from(error), StoreError::Failed(_)));
    }

    #[test]
    fn the_last_write_decides() {
        let disk = Disk::default();
        disk.observe(&StoreError::Unavailable("locked".into()));
        assert!(!disk.refuses());
        disk.observe(&StoreError::Disk("full".into()));
        assert!(disk.refuses());
        disk.write_succeeded();
        assert!(!disk.refuses());
    }
}
