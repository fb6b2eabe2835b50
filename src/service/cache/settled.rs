//! Which changes were read so long ago that no upstream of an edge answers from before them.
//!
//! An edge may read a change from one node and an answer from another, which reads changes itself, and answers from its
//! own memory for a bound. So an answer may be from before a change that was read already. An answer that was asked for
//! a bound or more after the change was read cannot: nobody may give such an old answer then. So a lookup at an edge
//! notes the number of changes that had been read a bound ago. Its answer is never served if a later one concerns it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::time::Uptime;

/// The numbers of changes, and when they had been read.
pub struct Settled {
    after: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The newest number that is old enough.
    number: u64,
    /// Newer ones, oldest first.
    newer: VecDeque<(Uptime, u64)>,
}

impl State {
    fn advance(&mut self, now: Uptime, after: Duration) {
        while let Some((read, number)) = self.newer.front().copied()
            && now.since(read) >= after
        {
            self.number = number;
            self.newer.pop_front();
        }
    }
}

impl Settled {
    /// Changes are settled so long after they were read.
    pub fn new(after: Duration) -> Self {
        Self { after, state: Mutex::default() }
    }

    /// So many changes have been read by now.
    pub fn record(&self, number: u64, now: Uptime) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.advance(now, self.after);
        if state.newer.back().map_or(state.number, |(_, newest)| *newest) != number {
            state.newer.push_back((now, number));
        }
    }

    /// How many changes are settled.
    pub fn number(&self, now: Uptime) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.advance(now, self.after);
        state.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_counts_from_when_it_was_read_and_few_are_kept() {
        let settled = Settled::new(Duration::from_secs(1));
        let at = |millis: u64| Uptime::from_nanos(millis * 1_000_000);
        settled.record(3, at(100));
        settled.record(3, at(900));
        settled.record(5, at(1_000));
        assert_eq!([1_099, 1_100, 1_999, 2_000].map(|now| settled.number(at(now))), [0, 3, 3, 5]);
        for count in 0..10_000 {
            settled.record(count, at(3_000 + count));
        }
        assert!(settled.state.lock().unwrap().newer.len() <= 1_001);
    }
}
