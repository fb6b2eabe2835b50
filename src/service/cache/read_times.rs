//! When an edge had read its changes.
//!
//! An edge may read a change from one node, and then an answer from another, which has not read that change yet and
//! answers from its own memory. So the number of changes that were read when the edge asked says nothing about the answer.
//! But whoever answers says at which moment the answer was true. The changes that the edge had read by that moment were
//! committed before it, so the answer contains them. The number of these changes is stored with the answer, which is
//! never served after a later change that concerns it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::time::Uptime;

/// The numbers of changes, and when they had been read.
pub struct ReadTimes {
    kept_for: Duration,
    /// Oldest first.
    numbers: Mutex<VecDeque<(Uptime, u64)>>,
}

impl ReadTimes {
    /// `kept_for`: answers that are older than this are of no use, so older numbers are not kept.
    pub fn new(kept_for: Duration) -> Self {
        Self { kept_for, numbers: Mutex::default() }
    }

    /// Records that `number` changes have been read by `now`.
    pub fn record(&self, number: u64, now: Uptime) {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if numbers.back().is_none_or(|(_, newest)| *newest != number) {
            numbers.push_back((now, number));
        }
        // Of the numbers that are too old the newest stays, because it was still right when the kept time began.
        while numbers.get(1).is_some_and(|(read, _)| now.since(*read) >= self.kept_for) {
            numbers.pop_front();
        }
    }

    /// How many changes had been read at this moment; 0 if that is not known any more.
    pub fn number_at(&self, moment: Uptime) -> u64 {
        let numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let at = numbers.partition_point(|(read, _)| *read <= moment);
        at.checked_sub(1).map_or(0, |newest| numbers[newest].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_counts_from_when_it_was_read_and_few_are_kept() {
        let times = ReadTimes::new(Duration::from_secs(1));
        let at = |millis: u64| Uptime::from_nanos(millis * 1_000_000);
        times.record(3, at(100));
        times.record(3, at(900));
        times.record(5, at(1_000));
        let numbers = [99, 100, 999, 1_000, 9_000].map(|moment| times.number_at(at(moment)));
        assert_eq!(numbers, [0, 3, 3, 5, 5]);
        for count in 0..10_000 {
            times.record(10 + count, at(3_000 + count));
        }
        assert!(times.numbers.lock().unwrap().len() <= 1_001);
        let [known, forgotten] = [12_000, 11_000].map(|moment| times.number_at(at(moment)));
        assert_eq!((known, forgotten), (9_010, 0));
    }
}
