//! Whether this node's clock can be trusted. It is compared with the machine's uptime, which nobody sets, and with the
//! database's clock. SQLite has no clock of its own: there, a node that starts compares its clock with the last trusted
//! time, which `meta` holds as `believed_time`.
//!
//! Tokens and grace periods end by the node's clock in any case. Permanent deletion waits until the clock is right.

use super::clock_watch::{ClockState, Start, ahead, seconds};
use crate::domain::change::Change;
use crate::domain::time::Timestamp;
use crate::service::{Error, Node};
use crate::store::Store;

impl Node {
    /// Compares this node's clock with the database's. Returns the current time if the clock can be trusted.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn check_clock(&self) -> Result<Option<Timestamp>, Error> {
        self.read_clock();
        let clock = self.clock.clone();
        let compared = self.database.run(move |store| store.compare_clocks(|| clock.now())).await?;
        let is_started = self.clock_watch.lock().start.is_some();
        if compared.is_none() && !is_started {
            let stored = self.database.run(Store::last_trusted_time).await?;
            let (now, uptime) = self.clock.now_and_uptime();
            let last_trusted = if stored.is_some() {
                stored
            } else {
                // An older jeton has stored no trusted time. The time of the newest audit entry takes its place, and is
                // stored at once. At the next start the newest entries would be this node's own, by a clock that may be
                // wrong.
                let newest = self.database.run(Store::newest_entry).await?;
                self.database.run(move |store| store.store_trusted_time(newest.unwrap_or(now))).await?;
                newest
            };
            self.clock_watch.lock().start.get_or_insert_with(|| Start::new(last_trusted, now, uptime));
        }
        // SQLite uses the machine's clock, so there is no difference.
        let ahead = compared.map_or(0, |[before, theirs, after]| ahead(before, self.clock.remote_time(theirs), after));
        self.clock_watch.lock().ahead = Some(ahead);
        self.metrics.clock.difference.set(seconds(ahead));
        let (now, state) = self.read_clock();
        Ok((state == ClockState::Right).then_some(now))
    }

    /// Stores the time for the next start, if it can be trusted and the database has no clock of its own.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn note_time(&self) -> Result<(), Error> {
        let (now, state) = self.read_clock();
        let start = self.clock_watch.lock().start;
        if state == ClockState::Right && start.is_some_and(|start| start.is_old(now)) {
            self.database.run(move |store| store.store_trusted_time(now)).await?;
            if let Some(start) = &mut self.clock_watch.lock().start {
                start.last_trusted = Some(now);
            }
        }
        Ok(())
    }

    /// The state of this node's clock: by the last comparison, and by whether it was set since.
    #[must_use]
    pub fn clock_state(&self) -> ClockState {
        self.read_clock().1
    }

    fn read_clock(&self) -> (Timestamp, ClockState) {
        let (time, uptime) = self.clock.now_and_uptime();
        let mut seen = self.clock_watch.lock();
        if seen.was_set_since_last_reading(time, uptime) {
            self.metrics.clock.jumps.inc();
            // A clock that was set back would make cached answers live longer.
            self.cache.apply(&Change::Everything);
        }
        let state = seen.state(uptime);
        seen.log_state(state, uptime);
        (time, state)
    }
}
