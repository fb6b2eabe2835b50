//! How many tokens were introspected in each hour of the last day, and with which results; of this node only.

use std::sync::{Mutex, PoisonError};

use crate::domain::time::Timestamp;
use crate::service::Node;
use crate::service::metrics::Results;

const HOURS: usize = 24;
const SECONDS: i64 = 3600;
/// How many hours are remembered: a few more than are shown.
const KEPT: i64 = 48;

/// The totals at the beginning of each hour in which something was noted, the oldest first.
#[derive(Default)]
pub struct IntrospectionHours(Mutex<Vec<(i64, Results)>>);

impl IntrospectionHours {
    fn note(&self, now: Timestamp, totals: &Results) {
        let hour = now.epoch_seconds().div_euclid(SECONDS);
        let mut starts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back adds no hour: its introspections count in the hour that was begun.
        if starts.last().is_none_or(|(last, _)| *last < hour) {
            // The first hour has everything since the start of this process.
            let totals = if starts.is_empty() { Results::default() } else { totals.clone() };
            starts.push((hour, totals));
            starts.retain(|(start, _)| hour - start < KEPT);
        }
    }

    /// The results of each of the last hours, the current one last.
    fn list(&self, now: Timestamp, totals: &Results) -> [Results; HOURS] {
        let hour = now.epoch_seconds().div_euclid(SECONDS);
        let starts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hours: [Results; HOURS] = std::array::from_fn(|_| Results::default());
        let ends = starts.iter().skip(1).map(|(_, start)| start).chain([totals]);
        for ((start, at_start), at_end) in starts.iter().zip(ends) {
            let ago = usize::try_from(hour - start).ok();
            if let Some(at) = ago.and_then(|ago| HOURS.checked_sub(ago + 1)) {
                hours[at] = at_end.since(at_start);
            }
        }
        hours
    }
}

impl Node {
    /// Notes how many tokens were introspected, for the overview. To be called every few seconds.
    pub fn note_introspections(&self) {
        self.introspection_hours.note(self.clock.now(), &self.metrics.results());
    }

    /// The introspections of each of the last 24 hours of the clock, the current hour last.
    pub(super) fn introspection_hours(&self) -> [Results; HOURS] {
        self.note_introspections();
        self.introspection_hours.list(self.clock.now(), &self.metrics.results())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_hour_has_what_was_added_in_it() {
        let hours = IntrospectionHours::default();
        let at = |hour: u64, minute: u64| {
            Timestamp::from_micros(1_700_000_000_000_000).after(Duration::from_secs(hour * 3600 + minute * 60))
        };
        let total = |active| Results::of_active(active);
        let active = |listed: &[Results; HOURS]| listed.iter().map(Results::active).collect::<Vec<_>>();
        hours.note(at(0, 0), &total(3));
        hours.note(at(0, 10), &total(5));
        // 1,700,000,000 is 13 minutes and 20 seconds past an hour.
        hours.note(at(1, 0), &total(8));
        hours.note(at(3, 0), &total(10));
        let listed = active(&hours.list(at(3, 30), &total(11)));
        assert_eq!(
            listed[20..],
            [8, 2, 0, 1],
            "what was added in the third hour is noted at the beginning of the fourth"
        );
        assert_eq!(active(&hours.list(at(26, 0), &total(11)))[..2], [1, 0], "a day later");
        hours.note(at(2, 0), &total(12));
        assert_eq!(active(&hours.list(at(3, 30), &total(12)))[23], 2, "a clock that was set back");
    }
}
