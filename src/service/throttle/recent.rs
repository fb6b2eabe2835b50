//! Recent values, by key. Their number is bounded, so that attackers cannot fill the memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::key::Key;
use crate::domain::time::Uptime;

/// The maximum number of values. When it is reached, the older half is removed.
const MAX_ENTRIES: usize = 20_000;

/// Values that are valid for a limited time.
pub struct Recent<T> {
    lifetime: Duration,
    entries: Mutex<HashMap<Key, (Uptime, T)>>,
}

impl<T: Copy> Recent<T> {
    pub fn new(lifetime: Duration) -> Self {
        Self { lifetime, entries: Mutex::default() }
    }

    pub fn get(&self, key: &Key, now: Uptime) -> Option<T> {
        let (at, value) = self.lock().get(key).copied()?;
        (at.after(self.lifetime) > now).then_some(value)
    }

    pub fn put(&self, key: Key, value: T, now: Uptime) {
        let mut entries = self.lock();
        if entries.len() >= MAX_ENTRIES && !entries.contains_key(&key) {
            let mut moments: Vec<Uptime> = entries.values().map(|(at, _)| *at).collect();
            let (_, middle, _) = moments.select_nth_unstable(MAX_ENTRIES / 2);
            let middle = *middle;
            entries.retain(|_, (at, _)| *at > middle);
        }
        entries.insert(key, (now, value));
    }

    /// Removes expired values. Returns whether any are left.
    pub fn sweep(&self, now: Uptime) -> bool {
        let (lifetime, mut entries) = (self.lifetime, self.lock());
        entries.retain(|_, (at, _)| at.after(lifetime) > now);
        if entries.capacity() > 4 * entries.len() {
            entries.shrink_to_fit();
        }
        !entries.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, (Uptime, T)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::Keys;
    use super::*;

    #[test]
    fn it_is_bounded_and_forgets_the_oldest_first() {
        let (recent, keys, start) = (Recent::new(Duration::from_mins(1)), Keys::new(), Uptime::from_nanos(0));
        let key = |number: u32| keys.key(&[&number.to_le_bytes()]);
        for number in 0..100_000 {
            recent.put(key(number), number, start.after(Duration::from_micros(number.into())));
            assert!(recent.lock().len() <= MAX_ENTRIES);
        }
        let now = start.after(Duration::from_secs(1));
        assert_eq!((recent.get(&key(99_999), now), recent.get(&key(0), now)), (Some(99_999), None));
        let later = start.after(Duration::from_secs(61));
        assert_eq!(recent.get(&key(99_999), later), None);
        assert!(!recent.sweep(later) && recent.lock().capacity() == 0);
    }
}
