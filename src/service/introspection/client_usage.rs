//! How many requests each client sends, counted in memory and written from time to time, so that no request waits for a
//! write.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::domain::time::Uptime;
use crate::service::{Error, Introspect};
use crate::store::ClientRequests;

/// How often the requests of clients are written.
const WRITE_INTERVAL: Duration = Duration::from_mins(1);

/// The requests of one client that are not yet written.
#[derive(Clone, Debug, Default)]
pub struct RequestCount(Arc<AtomicI64>);

impl RequestCount {
    /// Counts one request.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn take(&self) -> i64 {
        self.0.swap(0, Ordering::Relaxed)
    }

    fn put_back(&self, requests: i64) {
        self.0.fetch_add(requests, Ordering::Relaxed);
    }
}

impl Introspect {
    /// Writes the requests of clients, unless that was tried within the last minute. `last`: when it was tried.
    ///
    /// # Errors
    /// [`Error::Store`]; what was not written is written later.
    pub async fn flush_client_usage_if_due(&self, last: &mut Option<Uptime>) -> Result<(), Error> {
        let now = self.clock.uptime();
        if last.is_some_and(|last| now.since(last) < WRITE_INTERVAL) {
            return Ok(());
        }
        *last = Some(now);
        self.flush_client_usage().await
    }

    /// Writes the requests of clients.
    ///
    /// # Errors
    /// [`Error::Store`]; what was not written is written later.
    pub async fn flush_client_usage(&self) -> Result<(), Error> {
        let counts = self.clients.counts();
        let taken: Vec<_> = counts.into_iter().map(|(id, count)| (id, count.take(), count)).collect();
        let taken: Vec<_> = taken.into_iter().filter(|(_, requests, _)| *requests > 0).collect();
        if taken.is_empty() {
            return Ok(());
        }
        let counted: Vec<ClientRequests> = taken
            .iter()
            .map(|(id, requests, _)| ClientRequests { client_id: id.clone(), requests: *requests })
            .collect();
        let now = self.clock.now();
        let written = self.database()?.run(move |store| store.record_client_usage(&counted, now)).await;
        if written.is_err() {
            for (_, requests, count) in &taken {
                count.put_back(*requests);
            }
        }
        written
    }
}
