//! A sliding window of failures and of attempts under way, for each of many keys.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use crate::domain::rate::Rate;
use crate::domain::time::Timestamp;

/// How many addresses or names are remembered at most; beyond that the ones with the oldest windows go first.
const MOST_KEYS: usize = 100_000;

/// An attempt that is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// How long until there is a place.
    pub wait: Duration,
    /// Whether it is the first one since this window had a place. Only such a one goes to the audit log: a flood of
    /// attempts must not become a flood of writes, and before the next there was at least one that was let in.
    pub is_first: bool,
}

/// Why there is no place for an attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Full {
    /// Of failures.
    Failures(Refusal),
    /// Of failures, and of attempts that may still turn out good.
    Undecided,
}

/// What is remembered of a key.
#[derive(Default)]
struct Places {
    /// The moments of the last failures, oldest first.
    failures: VecDeque<Timestamp>,
    /// How many attempts are under way.
    undecided: usize,
    /// Whether anybody was turned away since there was a place.
    has_refused: bool,
}

/// DRF's sliding window (`rest_framework/throttling.py::SimpleRateThrottle`), by key.
pub struct Window<K> {
    rate: Rate,
    keys: HashMap<K, Places>,
}

impl<K: Hash + Eq + Clone> Window<K> {
    pub fn new(rate: Rate) -> Self {
        Self { rate, keys: HashMap::new() }
    }

    /// Takes a place until it is decided.
    pub fn take(&mut self, key: K, now: Timestamp) -> Result<(), Full> {
        if self.keys.len() >= MOST_KEYS && !self.keys.contains_key(&key) {
            self.make_room(now);
        }
        let (per, most) = (self.rate.per, self.rate.count as usize);
        let places = self.keys.entry(key).or_default();
        while places.failures.front().is_some_and(|oldest| oldest.after(per) <= now) {
            places.failures.pop_front();
        }
        if let Some(oldest) = places.failures.front()
            && places.failures.len() >= most
        {
            let is_first = !std::mem::replace(&mut places.has_refused, true);
            return Err(Full::Failures(Refusal { wait: oldest.after(per).since(now), is_first }));
        }
        places.has_refused = false;
        if places.failures.len() + places.undecided >= most {
            return Err(Full::Undecided);
        }
        places.undecided += 1;
        Ok(())
    }

    /// Frees the place of an attempt, or fills it for good with the moment of a failure.
    pub fn decide(&mut self, key: &K, failure: Option<Timestamp>) {
        let Some(places) = self.keys.get_mut(key) else { return };
        places.undecided = places.undecided.saturating_sub(1);
        if let Some(at) = failure {
            let place = places.failures.partition_point(|other| *other <= at);
            places.failures.insert(place, at);
        }
        if places.failures.is_empty() && places.undecided == 0 {
            self.keys.remove(key);
        }
    }

    fn make_room(&mut self, now: Timestamp) {
        let per = self.rate.per;
        let last = |places: &Places| places.failures.back().copied();
        self.keys.retain(|_, places| places.undecided > 0 || last(places).is_some_and(|last| last.after(per) > now));
        if self.keys.len() < MOST_KEYS {
            return;
        }
        // An attacker with that many addresses: forget the tenth that failed longest ago.
        let mut moments: Vec<Timestamp> = self.keys.values().filter_map(last).collect();
        if moments.len() <= MOST_KEYS / 10 {
            return;
        }
        let (_, oldest, _) = moments.select_nth_unstable(MOST_KEYS / 10);
        let oldest = *oldest;
        self.keys.retain(|_, places| places.undecided > 0 || last(places).is_some_and(|last| last > oldest));
    }
}
