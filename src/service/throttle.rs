//! Limits on failed logins: by client address, and by username and address.
//!
//! An attempt takes its place in the window before the password is checked and gives it back when it was good:
//! a thousand guesses at the same moment cannot all slip in before the first one is counted. Counting only failures is
//! what ready-made limiters cannot do.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::rate::Rate;
use crate::domain::time::Timestamp;

/// How many addresses or names are remembered at most; beyond that the ones with the oldest windows go first.
const MOST_KEYS: usize = 100_000;

/// Both limits.
pub struct Throttle {
    by_address: Option<Mutex<Window<Address>>>,
    by_user: Option<Mutex<Window<(String, Address)>>>,
}

/// None for a client on a Unix socket.
type Address = Option<IpAddr>;

/// An attempt under way, which counts as a failure until it is forgiven.
#[derive(Debug)]
pub struct Attempt {
    username: String,
    address: Option<IpAddr>,
    at: Timestamp,
}

impl Throttle {
    pub fn new(by_address: Option<Rate>, by_user: Option<Rate>) -> Self {
        Self {
            by_address: by_address.map(|rate| Mutex::new(Window::new(rate))),
            by_user: by_user.map(|rate| Mutex::new(Window::new(rate))),
        }
    }

    /// Takes a place in both windows, or says how long until there is one.
    pub fn attempt(&self, username: &str, address: Option<IpAddr>, now: Timestamp) -> Result<Attempt, Duration> {
        let attempt = Attempt { username: username.to_owned(), address, at: now };
        if let Some(window) = &self.by_address {
            lock(window).take(address, now)?;
        }
        if let Some(window) = &self.by_user
            && let Err(wait) = lock(window).take((username.to_owned(), address), now)
        {
            if let Some(window) = &self.by_address {
                lock(window).give_back(&address, now);
            }
            return Err(wait);
        }
        Ok(attempt)
    }

    /// The attempt was good, or was never decided: its places are free again.
    pub fn forgive(&self, attempt: &Attempt) {
        if let Some(window) = &self.by_address {
            lock(window).give_back(&attempt.address, attempt.at);
        }
        if let Some(window) = &self.by_user {
            lock(window).give_back(&(attempt.username.clone(), attempt.address), attempt.at);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The moments of the last failures by key: DRF's sliding window (`rest_framework/throttling.py::SimpleRateThrottle`).
struct Window<K> {
    rate: Rate,
    failures: HashMap<K, VecDeque<Timestamp>>,
}

impl<K: Hash + Eq + Clone> Window<K> {
    fn new(rate: Rate) -> Self {
        Self { rate, failures: HashMap::new() }
    }

    fn take(&mut self, key: K, now: Timestamp) -> Result<(), Duration> {
        if self.failures.len() >= MOST_KEYS && !self.failures.contains_key(&key) {
            self.make_room(now);
        }
        let per = self.rate.per;
        let failures = self.failures.entry(key).or_default();
        while failures.front().is_some_and(|oldest| oldest.after(per) <= now) {
            failures.pop_front();
        }
        if failures.len() >= self.rate.count as usize {
            return Err(failures.front().map_or(per, |oldest| oldest.after(per).since(now)));
        }
        failures.push_back(now);
        Ok(())
    }

    fn give_back(&mut self, key: &K, at: Timestamp) {
        if let Some(failures) = self.failures.get_mut(key) {
            if let Some(place) = failures.iter().rposition(|failure| *failure == at) {
                failures.remove(place);
            }
            if failures.is_empty() {
                self.failures.remove(key);
            }
        }
    }

    fn make_room(&mut self, now: Timestamp) {
        let per = self.rate.per;
        self.failures.retain(|_, failures| failures.back().is_some_and(|last| last.after(per) > now));
        if self.failures.len() < MOST_KEYS {
            return;
        }
        // An attacker with that many addresses: forget the tenth that failed longest ago.
        let mut last: Vec<Timestamp> = self.failures.values().filter_map(|failures| failures.back().copied()).collect();
        let (_, oldest, _) = last.select_nth_unstable(MOST_KEYS / 10);
        let oldest = *oldest;
        self.failures.retain(|_, failures| failures.back().is_some_and(|last| *last > oldest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn rate(text: &str) -> Rate {
        Rate::parse(text).unwrap()
    }

    #[test]
    fn failures_count_and_good_logins_do_not() {
        let throttle = Throttle::new(Some(rate("3/min")), Some(rate("2/min")));
        let attempt = |name: &str, second: u64| throttle.attempt(name, None, START.after(Duration::from_secs(second)));
        for _ in 0..10 {
            let good = attempt("alice", 0).unwrap();
            throttle.forgive(&good);
        }
        attempt("alice", 0).unwrap();
        attempt("alice", 10).unwrap();
        assert_eq!(attempt("alice", 15).unwrap_err(), Duration::from_secs(45), "two failures of one user");
        attempt("bob", 20).unwrap();
        assert_eq!(attempt("carol", 30).unwrap_err(), Duration::from_secs(30), "three failures of one address");
        attempt("alice", 61).unwrap();
        assert!(attempt("alice", 61).is_err());
    }

    #[test]
    fn a_limit_can_be_off() {
        let throttle = Throttle::new(None, None);
        for _ in 0..1000 {
            throttle.attempt("alice", None, START).unwrap();
        }
    }
}
