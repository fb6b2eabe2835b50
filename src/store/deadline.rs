//! Until when work must be done.

use std::time::Duration;

use super::error::StoreError;
use crate::domain::time::Stopwatch;

/// A moment after which nothing is begun or committed any more.
#[derive(Clone, Copy)]
pub struct Deadline {
    since: Stopwatch,
    limit: Duration,
}

impl Deadline {
    /// `limit` from now.
    pub fn within(limit: Duration) -> Self {
        Self { since: Stopwatch::start(), limit }
    }

    /// # Errors
    /// [`StoreError::Unavailable`] when no time is left.
    pub fn left(self) -> Result<Duration, StoreError> {
        let left = self.limit.checked_sub(self.since.elapsed()).filter(|left| !left.is_zero());
        left.ok_or_else(|| StoreError::Unavailable(format!("not done within {:?}", self.limit)))
    }
}
