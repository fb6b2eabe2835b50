//! Recent findings, by key; bounded, so that strangers cannot make them grow.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::key::Key;
use crate::domain::time::Uptime;

/// How many findings are kept; beyond that the older half is forgotten.
const MAX_ENTRIES: usize = 20_000;

/// Findings that are good for a span.
pub struct Recent<T> {
    span: Duration,
    found: Mutex<HashMap<Key, (Uptime, T)>>,
}

impl<T: Copy> Recent<T> {
    pub fn new(span: Duration) -> Self {
        Self { span, found: Mutex::default() }
    }

    pub fn get(&self, key: &Key, now: Uptime) -> Option<T> {
        let (at, value) = self.lock().get(key).copied()?;
        (at.after(self.span) > now).then_some(value)
    }

    pub fn put(&self, key: Key, value: T, now: Uptime) {
        let mut found = self.lock();
        if found.len() >= MAX_ENTRIES && !found.contains_key(&key) {
            let mut moments: Vec<Uptime> = found.values().map(|(at, _)| *at).collect();
            let (_, middle, _) = moments.select_nth_unstable(MAX_ENTRIES / 2);
            let middle = *middle;
            found.retain(|_, (at, _)| *at > middle);
        }
        found.insert(key, (now, value));
    }

    /// Forgets what is good no more; whether anything is left.
    pub fn sweep(&self, now: Uptime) -> bool {
        let (span, mut found) = (self.span, self.lock());
        found.retain(|_, (at, _)| at.after(span) > now);
        if found.capacity() > 4 * found.len() {
            found.shrink_to_fit();
        }
        !found.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, (Uptime, T)>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
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
