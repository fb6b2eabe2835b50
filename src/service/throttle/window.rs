//! A sliding window: the failures of one key, and its attempts under way.

use std::time::Duration;

use crate::domain::time::Uptime;

/// Failures at one moment.
pub struct Failed {
    pub at: Uptime,
    pub count: u32,
}

/// One window.
#[derive(Default)]
pub struct Window {
    /// Oldest first.
    pub failures: Vec<Failed>,
    /// The number of failures.
    pub failed: u32,
    /// How many attempts are under way.
    pub undecided: u32,
    /// Whether an attempt was refused since a slot was free.
    pub has_refused: bool,
}

impl Window {
    /// Failures that are as old as the period do not count any more.
    pub fn drop_expired(&mut self, per: Duration, now: Uptime) {
        let passed = self.failures.partition_point(|failed| failed.at.after(per) <= now);
        self.failed -= self.failures.drain(..passed).map(|failed| failed.count).sum::<u32>();
    }

    pub fn fail(&mut self, at: Uptime) {
        let index = self.failures.partition_point(|failed| failed.at < at);
        match self.failures.get_mut(index) {
            Some(failed) if failed.at == at => failed.count += 1,
            _ => self.failures.insert(index, Failed { at, count: 1 }),
        }
        self.failed += 1;
    }

    pub const fn bytes(&self) -> usize {
        self.failures.capacity() * size_of::<Failed>()
    }

    pub const fn is_empty(&self) -> bool {
        self.failures.is_empty() && self.undecided == 0
    }
}
