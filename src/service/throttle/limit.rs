//! One limit: a sliding window for each key, and the attempts that wait for a slot in one.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::sync::oneshot;

use super::key::Key;
use super::window::Window;
use crate::domain::rate::Rate;
use crate::domain::time::Uptime;

/// The memory limit of all windows; beyond it, those whose last failure is oldest are dropped first.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The memory of a window without its failures, including its share of the hash map's unused capacity.
const WINDOW_BYTES: usize = 128;

/// How many different times the failures in a window have at most. If the rate allows more failures than this, their
/// times are rounded down to this many steps of the period.
const MAX_MOMENTS: u32 = 128;

/// How many may wait for a slot in one window.
const MAX_WAITING: usize = 64;

/// Whether a window has a free slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowState {
    /// There is a free slot.
    Free,
    /// All free slots are reserved by attempts under way, or claimed by earlier waiters.
    Undecided,
    /// It is full of failures. After this time a slot is free.
    Failures(Duration),
}

/// An attempt that waits for a slot.
struct Waiter {
    ticket: u64,
    wake: oneshot::Sender<()>,
}

/// DRF's sliding window (`rest_framework/throttling.py::SimpleRateThrottle`), by key.
pub struct Limit {
    rate: Rate,
    /// Times are rounded down to multiples of this many nanoseconds.
    granularity: u64,
    max_bytes: usize,
    windows: HashMap<Key, Window>,
    /// The memory of all failures.
    failure_bytes: usize,
    /// The waiters, in the order of their arrival.
    waiting: HashMap<Key, VecDeque<Waiter>>,
}

impl Limit {
    pub fn new(rate: Rate) -> Self {
        let nanos = u64::try_from(rate.per.as_nanos()).unwrap_or(u64::MAX);
        let granularity = if rate.count <= MAX_MOMENTS { 1 } else { nanos / u64::from(MAX_MOMENTS) };
        Self {
            rate,
            granularity,
            max_bytes: MAX_BYTES,
            windows: HashMap::new(),
            failure_bytes: 0,
            waiting: HashMap::new(),
        }
    }

    /// The state of a window. `is_next`: the caller is the first one in the queue, so the queue is
    /// ignored.
    pub fn state(&mut self, key: &Key, is_next: bool, now: Uptime) -> WindowState {
        let per = self.rate.per;
        let must_queue = !is_next && self.waiting.contains_key(key);
        let Some(window) = self.windows.get_mut(key) else { return WindowState::Free };
        window.drop_expired(per, now);
        if let Some(oldest) = window.failures.first()
            && window.failed >= self.rate.count
        {
            WindowState::Failures(oldest.at.after(per).since(now))
        } else if must_queue || window.failed + window.undecided >= self.rate.count {
            WindowState::Undecided
        } else {
            WindowState::Free
        }
    }

    /// Refuses an attempt. Returns whether it is the first refusal since a slot was free.
    pub fn refuse(&mut self, key: &Key) -> bool {
        self.windows.get_mut(key).is_some_and(|window| !std::mem::replace(&mut window.has_refused, true))
    }

    /// Reserves a slot until the attempt is decided.
    pub fn take(&mut self, key: Key, now: Uptime) {
        if self.bytes() >= self.max_bytes {
            self.evict_oldest(now);
        }
        let window = self.windows.entry(key).or_default();
        window.has_refused = false;
        window.undecided += 1;
    }

    /// Frees the slot of an attempt, or fills it with a failure at this time.
    pub fn decide(&mut self, key: &Key, failure: Option<Uptime>) {
        let Some(window) = self.windows.get_mut(key) else { return };
        window.undecided = window.undecided.saturating_sub(1);
        if let Some(at) = failure {
            let before = window.bytes();
            window.fail(Uptime::from_nanos(at.as_nanos() / self.granularity * self.granularity));
            self.failure_bytes += window.bytes() - before;
        }
        if window.is_empty() {
            self.failure_bytes -= window.bytes();
            self.windows.remove(key);
        }
        self.wake(key);
    }

    /// Counts a failure at once, if there is a free slot. Returns whether there was.
    pub fn fail(&mut self, key: Key, now: Uptime) -> bool {
        let is_free = self.state(&key, false, now) == WindowState::Free;
        if is_free {
            self.take(key, now);
            self.decide(&key, Some(now));
        }
        is_free
    }

    /// Joins the queue: at its end, or at its front for a waiter that had its turn and found no free slot. `None` when
    /// the queue is full.
    pub fn wait(&mut self, key: Key, ticket: u64, is_next: bool) -> Option<oneshot::Receiver<()>> {
        let waiting = self.waiting.entry(key).or_default();
        if waiting.len() >= MAX_WAITING {
            return None;
        }
        let (wake, woken) = oneshot::channel();
        let waiter = Waiter { ticket, wake };
        if is_next {
            waiting.push_front(waiter);
        } else {
            waiting.push_back(waiter);
        }
        Some(woken)
    }

    /// Leaves the queue, with or without a turn. The next waiter gets its turn if there is a free slot.
    pub fn leave(&mut self, key: &Key, ticket: u64) {
        if let Some(waiting) = self.waiting.get_mut(key) {
            waiting.retain(|waiter| waiter.ticket != ticket);
        }
        self.wake(key);
    }

    /// Wakes the first waiter when there is a free slot. Wakes all when the window is full of failures, so that they
    /// are refused.
    fn wake(&mut self, key: &Key) {
        let Some(waiting) = self.waiting.get_mut(key) else { return };
        let (failed, undecided) = self.windows.get(key).map_or((0, 0), |window| (window.failed, window.undecided));
        if failed < self.rate.count && failed + undecided >= self.rate.count {
            return;
        }
        while let Some(first) = waiting.pop_front() {
            // The waiter may be gone; then the next one is woken.
            if first.wake.send(()).is_ok() && failed < self.rate.count {
                break;
            }
        }
        if waiting.is_empty() {
            self.waiting.remove(key);
        }
    }

    /// Removes expired failures, and frees their memory.
    pub fn sweep(&mut self, now: Uptime) {
        let per = self.rate.per;
        self.failure_bytes = 0;
        self.windows.retain(|_, window| {
            window.drop_expired(per, now);
            if window.failures.capacity() > 2 * window.failures.len() {
                window.failures.shrink_to_fit();
            }
            self.failure_bytes += window.bytes();
            !window.is_empty()
        });
        if self.windows.capacity() > 4 * self.windows.len() {
            self.windows.shrink_to_fit();
        }
    }

    fn bytes(&self) -> usize {
        self.windows.len() * WINDOW_BYTES + self.failure_bytes
    }

    /// Frees a tenth of the memory. The limit is reached when an attacker has many addresses or tries many names.
    fn evict_oldest(&mut self, now: Uptime) {
        self.sweep(now);
        let enough = self.max_bytes / 10 * 9;
        if self.bytes() <= enough {
            return;
        }
        let idle = self.windows.iter().filter(|(_, window)| window.undecided == 0);
        let mut by_age: Vec<_> =
            idle.filter_map(|(key, window)| Some((window.failures.last()?.at, *key, window.bytes()))).collect();
        by_age.sort_unstable_by_key(|(last, ..)| *last);
        for (_, key, bytes) in by_age {
            if self.bytes() <= enough {
                break;
            }
            self.windows.remove(&key);
            self.failure_bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::Keys;
    use super::*;

    const START: Uptime = Uptime::from_nanos(1_000_000_000_000_000);

    fn limit(rate: &str) -> Limit {
        Limit::new(Rate::parse(rate).unwrap())
    }

    #[test]
    fn a_great_rate_takes_no_more_memory_than_a_small_one() {
        let (mut limit, key) = (limit("100000/day"), Keys::new().key(&[b"alice"]));
        for second in 0..86_000 {
            assert!(limit.fail(key, START.after(Duration::from_secs(second))));
        }
        assert!(limit.bytes() < 5_000, "{}", limit.bytes());
        assert_eq!(limit.windows[&key].failed, 86_000);
        let later = START.after(Duration::from_secs(86_000));
        assert!((0..14_000).all(|_| limit.fail(key, later)));
        let WindowState::Failures(wait) = limit.state(&key, false, later) else { panic!("the window must be full") };
        assert!(wait <= Duration::from_secs(400), "the first failures expire soon: {wait:?}");
    }

    #[test]
    fn windows_are_swept_when_they_have_passed_and_their_memory_is_given_back() {
        let (mut limit, keys) = (limit("10/min"), Keys::new());
        for name in 0..10_000_u32 {
            for _ in 0..3 {
                assert!(limit.fail(keys.key(&[&name.to_le_bytes()]), START.after(Duration::from_micros(name.into()))));
            }
        }
        limit.sweep(START.after(Duration::from_secs(59)));
        assert_eq!(limit.windows.len(), 10_000);
        limit.sweep(START.after(Duration::from_secs(61)));
        assert_eq!((limit.windows.len(), limit.bytes(), limit.windows.capacity()), (0, 0, 0));
    }

    #[test]
    fn all_windows_are_bounded_and_those_that_failed_longest_ago_go_first() {
        let (mut limit, keys) = (limit("100/hour"), Keys::new());
        limit.max_bytes = 1024 * 1024;
        let key = |name: u32| keys.key(&[&name.to_le_bytes()]);
        let attacked = key(u32::MAX);
        let mut now = START;
        for name in 0..100_000 {
            now = now.after(Duration::from_millis(10));
            assert!(limit.fail(key(name), now));
            if name % 2_000 == 0 {
                limit.fail(attacked, now);
            }
            assert!(limit.bytes() <= limit.max_bytes + WINDOW_BYTES + 64);
        }
        assert_eq!(limit.windows[&attacked].failed, 50, "a window that keeps failing stays");
        assert!(limit.windows.contains_key(&key(99_999)) && !limit.windows.contains_key(&key(0)));
        let counted: usize = limit.windows.values().map(Window::bytes).sum();
        assert_eq!(limit.failure_bytes, counted);
    }
}
