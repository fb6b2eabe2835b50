//! Threads that serve as long as the node does: a panic costs the piece of work it came from, not the thread.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Does a piece of a thread's work. `None` when it panicked: what it worked on may be half-changed and is not to be used
/// again.
pub fn unharmed<T>(work: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(work)).ok();
    if done.is_none() {
        // What and where is in the line of the panic itself.
        log::error!(
            "a panic in the thread {}, which goes on",
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
        assert_eq!(unharmed(|| 1), Some(1));
        assert_eq!(unharmed(|| -> i32 { panic!("on purpose") }), None);
    }
}
