//! The file that an SQLite database is in.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::connect_error::ConnectError;
use super::connection::Role;
use super::sqlite_file;
use crate::domain::time::Stopwatch;

/// The file counts as idle this long after its log was emptied. It is assumed that nobody copies the file sooner after
/// a write.
const IDLE_AFTER: Duration = Duration::from_secs(1);

/// The SQLite file that the first connection opened. If it was replaced or removed, the data would be split: older
/// connections would continue with the old file, and newer ones with a new, empty one.
#[derive(Debug, Default)]
pub struct OpenedFile {
    identity: OnceLock<(u64, u64)>,
    ours: AtomicBool,
    writers: AtomicU64,
    idle: Mutex<IdleState>,
    /// The connections are being closed.
    closing: AtomicBool,
}

/// What is known of idle times: the times in which the log is empty. This process or another one may have emptied it.
#[derive(Debug, Default)]
struct IdleState {
    /// Whether the log that was begun after the last idle time must still be moved into the file.
    needs_checkpoint: bool,
    /// When this process last made such a checkpoint, which empties the log, and after which transaction.
    ended: Option<(i32, Stopwatch)>,
}

/// A transaction that has changed something in an SQLite file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its number.
    pub transaction: i32,
    /// Whether it began the log.
    pub begins_log: bool,
}

impl OpenedFile {
    pub fn remember(&self, opened: Option<(u64, u64)>, role: Role) {
        if let Some(identity) = opened {
            self.identity.get_or_init(|| identity);
        }
        if role == Role::Write {
            self.writers.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Marks the file as jeton's.
    pub fn mark_as_ours(&self) {
        self.ours.store(true, Ordering::Release);
    }

    /// Whether the file is marked as jeton's.
    pub fn is_ours(&self) -> bool {
        self.ours.load(Ordering::Acquire)
    }

    /// How many writing connections there have been. There is only one at a time, so this number identifies the current
    /// one.
    pub fn writers(&self) -> u64 {
        self.writers.load(Ordering::Acquire)
    }

    /// Whether the log must be moved into the file and emptied after this transaction.
    pub fn needs_checkpoint(&self, written: Written) -> bool {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let continues =
            |(last, at): (i32, Stopwatch)| last.wrapping_add(1) == written.transaction && at.elapsed() < IDLE_AFTER;
        idle.needs_checkpoint |= written.begins_log && !idle.ended.is_some_and(continues);
        idle.needs_checkpoint
    }

    /// Records that the log was emptied, after this transaction or a later one.
    pub fn checkpointed(&self, transaction: i32) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        *idle = IdleState { needs_checkpoint: false, ended: Some((transaction, Stopwatch::start())) };
    }

    /// From now on no connection is opened, and none is used again.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Checks that the file is the one that was opened first. Returns the identity of the file that is there.
    pub fn check(&self, path: &Path) -> Result<Option<(u64, u64)>, ConnectError> {
        if self.is_closing() {
            return Err(ConnectError("the database is being closed".into()));
        }
        let identity = sqlite_file::identity(path);
        if self.identity.get().is_none_or(|opened| identity.as_ref() == Some(opened)) {
            return Ok(identity);
        }
        Err(ConnectError(format!(
            "{}: the file was moved away or replaced while jeton used it; put it back, or restart jeton",
            path.display()
        )))
    }
}
