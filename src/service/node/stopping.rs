//! Whether this node is stopping.

use std::time::Duration;

use crate::domain::time::Uptime;
use crate::service::Node;

/// How long before the end of the stop an answer must be ready, so that it still reaches its client.
const SENDING_TIME: Duration = Duration::from_millis(500);

impl Node {
    /// From now on this node reports that it is not ready, so that it gets no more requests; it still answers those
    /// that come. Those that take longer than `limit` are abandoned.
    pub fn begin_stop(&self, limit: Duration) {
        self.stops_at.send_replace(Some(Uptime::now().after(limit.saturating_sub(SENDING_TIME))));
    }

    /// Whether this node is stopping.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stops_at.borrow().is_some()
    }
}
