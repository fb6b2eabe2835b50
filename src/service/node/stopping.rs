//! That this node is about to end.

use std::sync::atomic::Ordering;

use crate::service::Node;

impl Node {
    /// From now on this node says that it is not ready, so that it is sent no more requests; it answers those that come.
    pub fn begin_stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether it is.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
