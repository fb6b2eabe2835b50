//! Which of several upstreams is asked.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The base URLs, and the one that is asked.
pub struct Servers {
    urls: Vec<String>,
    current: AtomicUsize,
}

impl Servers {
    /// At least one.
    pub fn new(urls: Vec<String>) -> Self {
        Self { urls, current: AtomicUsize::new(0) }
    }

    pub fn len(&self) -> usize {
        self.urls.len()
    }

    /// The one that is asked, and its place.
    pub fn current(&self) -> (usize, &str) {
        let at = self.current.load(Ordering::Acquire);
        (at, &self.urls[at])
    }

    /// The one at this place has failed: the next one is asked, unless that was decided already.
    pub fn leave(&self, at: usize) {
        let next = (at + 1) % self.urls.len();
        // If it fails, another thread has left it.
        let _ = self.current.compare_exchange(at, next, Ordering::AcqRel, Ordering::Acquire);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_one_is_asked_after_a_failure_and_two_threads_skip_none() {
        let servers = Servers::new(["a", "b", "c"].map(str::to_owned).into());
        let (at, url) = servers.current();
        assert_eq!(url, "a");
        servers.leave(at);
        servers.leave(at);
        assert_eq!(servers.current(), (1, "b"));
        servers.leave(1);
        servers.leave(2);
        assert_eq!(servers.current(), (0, "a"));
    }
}
