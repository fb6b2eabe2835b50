//! Limits on failed logins: by client address, and by username and address.
//!
//! An attempt takes its place in the window before the password is checked, and gives it back when it was good: a thousand
//! guesses at the same moment cannot all slip in before the first one is counted. Who finds the window full of attempts that
//! are not decided yet waits for them, so that good logins at the same moment do not lock each other out. Counting only
//! failures is what ready-made limiters cannot do.

mod window;

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::domain::rate::Rate;
use crate::domain::time::Timestamp;
use window::{Full, Refusal, Window};

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

impl Throttle {
    pub fn new(by_address: Option<Rate>, by_user: Option<Rate>) -> Self {
        Self {
            by_address: by_address.map(|rate| Mutex::new(Window::new(rate))),
            by_user: by_user.map(|rate| Mutex::new(Window::new(rate))),
            decided: Notify::new(),
        }
    }

    /// Takes a place in both windows, or says how long until there is one, and whether that is news.
    pub async fn attempt(
        &self,
        username: &str,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Attempt<'_>, Refusal> {
        loop {
            // Asked for first: an attempt that is decided after this line wakes it.
            let decided = self.decided.notified();
            match self.take(username, address, now) {
                Ok(attempt) => return Ok(attempt),
                Err(Full::Failures(refusal)) => return Err(refusal),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn rate(text: &str) -> Rate {
        Rate::parse(text).unwrap()
    }

    fn full(seconds: u64, is_first: bool) -> Result<(), Full> {
        Err(Full::Failures(Refusal { wait: Duration::from_secs(seconds), is_first }))
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
        assert_eq!(fail("alice", 15), full(45, true), "two failures of one user");
        assert_eq!(fail("bob", 20), Ok(()));
        assert_eq!(fail("carol", 30), full(30, true), "three failures of one address");
        assert_eq!(fail("alice", 61), Ok(()));
        assert_eq!(fail("alice", 61), full(9, true));
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
        assert_eq!(take().map(drop), full(60, true));
    }

    #[test]
    fn the_first_who_is_turned_away_is_news_and_no_other_until_somebody_was_let_in() {
        let throttle = Throttle::new(Some(rate("3/min")), Some(rate("2/min")));
        let fail = |name: &str, second| throttle.take(name, None, at(second)).map(drop);
        assert_eq!((fail("alice", 0), fail("alice", 10)), (Ok(()), Ok(())));
        assert_eq!(
            [fail("alice", 20), fail("alice", 20), fail("alice", 59)],
            [full(40, true), full(40, false), full(1, false)]
        );
        assert_eq!(fail("bob", 59), Ok(()), "the address's third");
        assert_eq!([fail("bob", 59), fail("alice", 59)], [full(1, true), full(1, false)], "whoever it is");
        assert_eq!(fail("carol", 60), Ok(()));
        assert_eq!(fail("dave", 60), full(10, true), "full again");
    }

    #[test]
    fn a_limit_can_be_off() {
        let throttle = Throttle::new(None, None);
        for _ in 0..1000 {
            assert_eq!(throttle.take("alice", None, START).map(drop), Ok(()));
        }
    }
}
