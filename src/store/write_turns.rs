//! Leaves connections to those who read. A commit in PostgreSQL may wait without end, for a synchronous standby that is
//! gone, and keeps its connection as long. Tokens must be looked up all the same.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How many connections writes leave to reads: as many as lookups use at once.
const LEFT_TO_READS: u32 = 2;

/// How many more writes may take a connection.
#[derive(Debug)]
pub struct WriteTurns {
    free: Mutex<u32>,
    freed: Condvar,
}

/// A write's turn, until it is dropped.
pub struct WriteTurn(Arc<WriteTurns>);

impl WriteTurns {
    /// The turns for this many connections; at least one.
    pub fn of(connections: u32) -> Self {
        Self { free: Mutex::new(connections.saturating_sub(LEFT_TO_READS).max(1)), freed: Condvar::new() }
    }

    /// Waits for a turn, no longer than `limit`.
    pub fn take(self: &Arc<Self>, limit: Duration) -> Option<WriteTurn> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.freed.wait_timeout_while(free, limit, |free| *free == 0);
        let (mut free, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *free = free.checked_sub(1)?;
        Some(WriteTurn(Arc::clone(self)))
    }
}

impl Drop for WriteTurn {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_connections_are_left_to_reads() {
        for (connections, turns) in [(1, 1), (2, 1), (3, 1), (4, 2), (8, 6)] {
            let all = Arc::new(WriteTurns::of(connections));
            let taken: Vec<WriteTurn> = std::iter::from_fn(|| all.take(Duration::ZERO)).collect();
            assert_eq!(taken.len(), turns, "of {connections}");
            drop(taken);
            assert!(all.take(Duration::ZERO).is_some());
        }
    }
}
