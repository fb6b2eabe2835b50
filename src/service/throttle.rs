//! Limits on failed logins: by client address, and by username and address.
//!
//! An attempt takes its place in the window before the password is checked, and gives it back when it was good: a thousand
//! guesses at the same moment cannot all slip in before the first one is counted. Who finds the window full of attempts that
//! are not decided yet waits for them, so that good logins at the same moment do not lock each other out. Counting only
//! failures is what ready-made limiters cannot do.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::domain::rate::Rate;
use crate::domain::time::Timestamp;

/// How many addresses or names are remembered at most; beyond that the ones with the oldest windows go first.
const MOST_KEYS: usize = 100_000;

/// Both limits.
pub struct Throttle {
    by_address: Option<Mutex<Window<Address>>>,
    by_user: Option<Mutex<Window<(String, Address)>>>,
    decided: Notify,
}

/// None for a client on a Unix socket.
type Address = Option<IpAddr>;

/// An attempt under way; a failure unless it is forgiven before it is dropped.
pub struct Attempt<'a> {
    throttle: &'a Throttle,
    username: String,
    address: Option<IpAddr>,
    at: Timestamp,
    failed: bool,
}

/// Why there is no place for an attempt.
#[derive(Debug, PartialEq, Eq)]
enum Full {
    /// Of failures; how long until there is a place.
    For(Duration),
    /// Of failures, and of attempts that may still turn out good.
    Undecided,
}

impl Throttle {
    pub fn new(by_address: Option<Rate>, by_user: Option<Rate>) -> Self {
        Self {
            by_address: by_address.map(|rate| Mutex::new(Window::new(rate))),
            by_user: by_user.map(|rate| Mutex::new(Window::new(rate))),
            decided: Notify::new(),
        }
    }

    /// Takes a place in both windows, or says how long until there is one.
    pub async fn attempt(
        &self,
        username: &str,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Attempt<'_>, Duration> {
        loop {
            // Asked for first: an attempt that is decided after this line wakes it.
            let decided = self.decided.notified();
            match self.take(username, address, now) {
                Ok(attempt) => return Ok(attempt),
                Err(Full::For(wait)) => return Err(wait),
                Err(Full::Undecided) => decided.await,
            }
        }
    }

    fn take(&self, username: &str, address: Option<IpAddr>, now: Timestamp) -> Result<Attempt<'_>, Full> {
        // Both locks are held, so that nobody waits for a place that is only taken until the other window is asked.
        let mut by_address = self.by_address.as_ref().map(lock);
        if let Some(window) = &mut by_address {
            window.take(address, now)?;
        }
        if let Some(window) = &self.by_user
            && let Err(full) = lock(window).take((username.to_owned(), address), now)
        {
            if let Some(window) = &mut by_address {
                window.decide(&address, None);
            }
            return Err(full);
        }
        Ok(Attempt { throttle: self, username: username.to_owned(), address, at: now, failed: true })
    }
}

impl Attempt<'_> {
    /// The attempt was good, or was never decided: its places are free again.
    pub fn forgive(mut self) {
        self.failed = false;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let failure = self.failed.then_some(self.at);
        if let Some(window) = &self.throttle.by_address {
            lock(window).decide(&self.address, failure);
        }
        if let Some(window) = &self.throttle.by_user {
            lock(window).decide(&(std::mem::take(&mut self.username), self.address), failure);
        }
        self.throttle.decided.notify_waiters();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is remembered of a key.
#[derive(Default)]
struct Places {
    /// The moments of the last failures, oldest first.
    failures: VecDeque<Timestamp>,
    /// How many attempts are under way.
    undecided: usize,
}

/// DRF's sliding window (`rest_framework/throttling.py::SimpleRateThrottle`), by key.
struct Window<K> {
    rate: Rate,
    keys: HashMap<K, Places>,
}

impl<K: Hash + Eq + Clone> Window<K> {
    fn new(rate: Rate) -> Self {
        Self { rate, keys: HashMap::new() }
    }

    fn take(&mut self, key: K, now: Timestamp) -> Result<(), Full> {
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
            return Err(Full::For(oldest.after(per).since(now)));
        }
        if places.failures.len() + places.undecided >= most {
            return Err(Full::Undecided);
        }
        places.undecided += 1;
        Ok(())
    }

    /// Frees the place of an attempt, or fills it for good with the moment of a failure.
    fn decide(&mut self, key: &K, failure: Option<Timestamp>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn rate(text: &str) -> Rate {
        Rate::parse(text).unwrap()
    }

    fn at(second: u64) -> Timestamp {
        START.after(Duration::from_secs(second))
    }

    #[test]
    fn failures_count_and_good_logins_do_not() {
        let throttle = Throttle::new(Some(rate("3/min")), Some(rate("2/min")));
        let fail = |name: &str, second| throttle.take(name, None, at(second)).map(drop);
        for _ in 0..10 {
            throttle.take("alice", None, at(0)).unwrap_or_else(|_| panic!("a place")).forgive();
        }
        assert_eq!(fail("alice", 0), Ok(()));
        assert_eq!(fail("alice", 10), Ok(()));
        assert_eq!(fail("alice", 15), Err(Full::For(Duration::from_secs(45))), "two failures of one user");
        assert_eq!(fail("bob", 20), Ok(()));
        assert_eq!(fail("carol", 30), Err(Full::For(Duration::from_secs(30))), "three failures of one address");
        assert_eq!(fail("alice", 61), Ok(()));
        assert_eq!(fail("alice", 61), Err(Full::For(Duration::from_secs(9))));
    }

    #[test]
    fn attempts_under_way_keep_their_places_until_they_are_decided() {
        let throttle = Throttle::new(None, Some(rate("2/min")));
        let take = || throttle.take("alice", None, at(0));
        let (Ok(first), Ok(second)) = (take(), take()) else { panic!("two places") };
        assert_eq!(take().map(drop), Err(Full::Undecided));
        first.forgive();
        let Ok(third) = take() else { panic!("a free place") };
        drop(second);
        assert_eq!(take().map(drop), Err(Full::Undecided));
        drop(third);
        assert_eq!(take().map(drop), Err(Full::For(Duration::from_mins(1))));
    }

    #[test]
    fn a_limit_can_be_off() {
        let throttle = Throttle::new(None, None);
        for _ in 0..1000 {
            assert_eq!(throttle.take("alice", None, START).map(drop), Ok(()));
        }
    }
}
