//! Which of several upstreams is asked.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The base URLs, and the one that is asked.
pub struct Servers {
    urls: Vec<String>,
    current: AtomicUsize,
}

impl Servers {
    /// There must be at least one URL.
    pub fn new(urls: Vec<String>) -> Self {
        Self { urls, current: AtomicUsize::new(0) }
    }

    pub fn len(&self) -> usize {
        self.urls.len()
    }

    /// The URL of the upstream that is asked, and its place in the list.
    pub fn current(&self) -> (usize, &str) {
        let at = self.current.load(Ordering::Acquire);
        (at, &self.urls[at])
    }

    /// The upstream at this place has failed: from now on the next one is asked, unless another thread has decided that
    /// already.
    pub fn leave(&self, at: usize) {
        let next = (at + 1) % self.urls.len();
        // If the exchange fails, another thread was first.
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
