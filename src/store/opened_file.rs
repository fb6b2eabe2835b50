//! The file that an SQLite database is in.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::connect_error::ConnectError;
use super::connection::Role;
use super::sqlite_file;

/// Which SQLite file the first connection opened. Another one in its place, or none, would split what is kept: older
/// connections would go on with the old file, unseen, and newer ones with a new and empty one.
#[derive(Debug, Default)]
pub struct OpenedFile {
    identity: OnceLock<(u64, u64)>,
    ours: AtomicBool,
    writers: AtomicU64,
    /// A transaction has gone into the file since its log was empty.
    active: AtomicBool,
    /// Its connections are to be closed.
    closing: AtomicBool,
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

    /// It holds jeton's tables, or is to.
    pub fn take_as_ours(&self) {
        self.ours.store(true, Ordering::Release);
    }

    /// Whether it was found to be jeton's.
    pub fn is_ours(&self) -> bool {
        self.ours.load(Ordering::Acquire)
    }

    /// How many connections that write there have been: which one it is now, for there is one at a time.
    pub fn writers(&self) -> u64 {
        self.writers.load(Ordering::Acquire)
    }

    /// Whether a transaction has gone into the file since its log was empty.
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    pub fn set_active(&self, active: bool) {
        self.active.store(active, Ordering::Release);
    }

    /// From here on no connection is opened, and none is used again.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// That the file is the one that was opened first; gives which one is there.
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
