//! Whether this node is stopping.

use std::sync::atomic::Ordering;

use crate::service::Node;

impl Node {
    /// From now on this node reports that it is not ready, so that it gets no more requests; it still answers those
    /// that come.
    pub fn begin_stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether this node is stopping.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
