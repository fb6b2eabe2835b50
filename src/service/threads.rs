//! Threads that run as long as the node: a panic costs one piece of work, not the thread.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a piece of work, and catches its panic. `None` when it panicked: what it worked on may be inconsistent, and
/// must not be used again.
pub fn catch_panic<T>(work: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(work)).ok();
    if done.is_none() {
        // The panic's own line of the log has the details.
        log::error!(
            "caught a panic in the thread {}, which continues",
            std::thread::current().name().unwrap_or("without a name")
        );
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_no_result() {
        assert_eq!(catch_panic(|| 1), Some(1));
        assert_eq!(catch_panic(|| -> i32 { panic!("on purpose") }), None);
    }
}
