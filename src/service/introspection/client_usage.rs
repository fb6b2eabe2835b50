//! How many requests each client sends, and when it last used its old secret: noted in memory and written from time to
//! time, so that no request waits for a write.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::domain::time::{Timestamp, Uptime};
use crate::service::{Error, Introspect};
use crate::store::ClientRequests;

/// How often the requests of clients are written, and how often an edge tells its upstream of the use of an old secret.
const WRITE_INTERVAL: Duration = Duration::from_mins(1);

/// What one client has sent and is not yet written.
#[derive(Clone, Debug, Default)]
pub struct ClientUses(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicI64,
    /// When a request had the secret from before the last rotation, in microseconds since 1970; 0: none had.
    previous_secret_at: AtomicI64,
    /// At an edge: when the upstream was last told of that, in nanoseconds of uptime; 0: never.
    reported_at: AtomicU64,
}

impl ClientUses {
    /// Counts one request.
    pub fn add(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes a request with the secret from before the last rotation.
    pub(super) fn note_previous_secret(&self, now: Timestamp) {
        self.0.previous_secret_at.fetch_max(now.as_micros(), Ordering::Relaxed);
    }

    /// Whether the upstream is to be told now that the secret from before the last rotation is in use. Whoever is answered
    /// with true tells it.
    pub(super) fn claim_report_of_previous_secret(&self, now: Uptime) -> bool {
        let last = self.0.reported_at.load(Ordering::Relaxed);
        let is_due = last == 0 || now.since(Uptime::from_nanos(last)) >= WRITE_INTERVAL;
        is_due
            && self.0.reported_at.compare_exchange(last, now.as_nanos(), Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    fn take(&self, row: i64) -> ClientRequests {
        let requests = self.0.requests.swap(0, Ordering::Relaxed);
        let previous_secret_at = self.0.previous_secret_at.swap(0, Ordering::Relaxed);
        let previous_secret_last_used_at = (previous_secret_at > 0).then(|| Timestamp::from_micros(previous_secret_at));
        ClientRequests { row, requests, previous_secret_last_used_at }
    }

    fn put_back(&self, taken: &ClientRequests) {
        self.0.requests.fetch_add(taken.requests, Ordering::Relaxed);
        if let Some(at) = taken.previous_secret_last_used_at {
            self.note_previous_secret(at);
        }
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
        let taken: Vec<_> = self.clients.uses().into_iter().map(|(row, uses)| (uses.take(row), uses)).collect();
        let is_news = |taken: &ClientRequests| taken.requests > 0 || taken.previous_secret_last_used_at.is_some();
        let taken: Vec<_> = taken.into_iter().filter(|(requests, _)| is_news(requests)).collect();
        if taken.is_empty() {
            return Ok(());
        }
        let (counted, now) = (taken.iter().map(|(requests, _)| requests.clone()).collect::<Vec<_>>(), self.clock.now());
        let written = self.database()?.run(move |store| store.record_client_usage(&counted, now)).await;
        if written.is_err() {
            for (requests, uses) in &taken {
                uses.put_back(requests);
            }
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_in_a_minute_tells_of_an_old_secret() {
        let (uses, start) = (ClientUses::default(), Uptime::from_nanos(7));
        let told = [0, 1, 59_999, 60_000, 60_001, 119_999, 120_000]
            .map(|millis| uses.claim_report_of_previous_secret(start.after(Duration::from_millis(millis))));
        assert_eq!(told, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn what_was_not_written_is_put_back_and_the_later_use_stays() {
        let uses = ClientUses::default();
        let at = Timestamp::from_micros;
        uses.add();
        uses.note_previous_secret(at(5));
        let taken = uses.take(1);
        assert_eq!((taken.requests, taken.previous_secret_last_used_at), (1, Some(at(5))));
        let nothing = uses.take(1);
        assert_eq!((nothing.requests, nothing.previous_secret_last_used_at), (0, None));
        uses.add();
        uses.note_previous_secret(at(9));
        uses.put_back(&taken);
        let both = uses.take(1);
        assert_eq!((both.requests, both.previous_secret_last_used_at), (2, Some(at(9))));
    }
}
