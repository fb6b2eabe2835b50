//! A bounded queue of log lines, and a thread that writes them to standard error. A thread that logs never waits for
//! the reader of the log.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The size of the queue in bytes: some ten thousand lines.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The pause before standard error is tried again after `WouldBlock`.
const RETRY: Duration = Duration::from_millis(10);

/// Formats the line that reports how many lines were dropped.
pub type Notice = fn(u64) -> Vec<u8>;

/// A handle to the queue.
#[derive(Clone)]
pub struct LogQueue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<Pending>,
    changed: Condvar,
}

#[derive(Default)]
struct Pending {
    waiting: Vec<u8>,
    is_writing: bool,
    dropped: u64,
    reported: u64,
}

impl LogQueue {
    /// Starts the thread.
    ///
    /// # Errors
    /// When no thread can be started, or there is no standard error.
    pub(super) fn start(notice: Notice) -> io::Result<Self> {
        // Not the standard library's handle: its lock would be held while a write blocks.
        let mut out = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        let lines = Self(Arc::default());
        let queue = Arc::clone(&lines.0);
        thread::Builder::new().name("log".into()).spawn(move || {
            loop {
                queue.write_some(&mut out, notice);
            }
        })?;
        Ok(lines)
    }

    /// How many lines were dropped so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.lock().dropped
    }

    /// Waits until everything is written, but no longer than `limit`. Returns whether it is.
    pub fn flush(&self, limit: Duration) -> bool {
        let state = self.0.lock();
        let waits = |state: &mut Pending| state.is_writing || !state.waiting.is_empty();
        let waited = self.0.changed.wait_timeout_while(state, limit, waits);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

/// Queues a line, or drops it if there is no room.
impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        if state.waiting.len() + line.len() > MAX_BYTES {
            state.dropped += 1;
            return Ok(line.len());
        }
        let was_empty = state.waiting.is_empty();
        state.waiting.extend_from_slice(line);
        drop(state);
        if was_empty {
            self.0.changed.notify_all();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    // No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines and writes them. Then reports how many were dropped: those would have come next.
    fn write_some(&self, out: &mut impl Write, notice: Notice) {
        let waiting = self.changed.wait_while(self.lock(), |state| state.waiting.is_empty());
        let mut state = waiting.unwrap_or_else(PoisonError::into_inner);
        let lines = mem::take(&mut state.waiting);
        let dropped = state.dropped;
        let unreported = dropped - state.reported;
        state.is_writing = true;
        drop(state);
        let lost = write_all(out, &lines);
        let is_reported = unreported > 0 && lost == 0 && write_all(out, &notice(unreported)) == 0;
        let mut state = self.lock();
        state.is_writing = false;
        state.dropped += lost;
        if is_reported {
            state.reported = dropped;
        }
        drop(state);
        self.changed.notify_all();
    }
}

/// How many lines could not be written.
fn write_all(out: &mut impl Write, mut lines: &[u8]) -> u64 {
    while !lines.is_empty() {
        match out.write(lines) {
            Ok(written @ 1..) => lines = &lines[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Another process that shares standard error may have made it non-blocking.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
            Ok(_) | Err(_) => return lines.split_inclusive(|byte| *byte == b'\n').count() as u64,
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(dropped: u64) -> Vec<u8> {
        format!("{dropped} dropped\n").into_bytes()
    }

    fn written(queue: &Shared) -> String {
        let mut out = Vec::new();
        queue.write_some(&mut out, notice);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_without_room_are_dropped_counted_and_reported_in_their_place() {
        let mut lines = LogQueue(Arc::default());
        let line = [b"x".repeat(MAX_BYTES / 4 - 1), b"\n".to_vec()].concat();
        for _ in 0..7 {
            lines.write_all(&line).unwrap();
        }
        assert_eq!(lines.dropped(), 3);
        assert!(!LogQueue::flush(&lines, Duration::ZERO));
        let text = written(&lines.0);
        assert!(text.len() > MAX_BYTES && text.ends_with("x\n3 dropped\n"), "{} bytes", text.len());
        assert!(LogQueue::flush(&lines, Duration::ZERO));
        lines.write_all(b"more\n").unwrap();
        assert_eq!(written(&lines.0), "more\n", "reported once");
    }

    #[test]
    fn lines_that_cannot_be_written_count_as_dropped_and_are_reported_later() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut lines = LogQueue(Arc::default());
        lines.write_all(b"one\ntwo\n").unwrap();
        lines.0.write_some(&mut Gone, notice);
        assert_eq!(lines.dropped(), 2);
        lines.write_all(b"three\n").unwrap();
        assert_eq!(written(&lines.0), "three\n2 dropped\n");
    }
}
