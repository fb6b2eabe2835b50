//! Lines on their way to standard error: a bounded queue, and a thread that writes. Whoever has a line to write never waits
//! for whoever reads the log.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What may wait to be written, in bytes: some ten thousand lines.
const MOST: usize = 4 * 1024 * 1024;

/// How long before standard error is tried again where it says that it takes nothing now.
const RETRY: Duration = Duration::from_millis(10);

/// Makes the line that says how many were dropped.
pub type Notice = fn(u64) -> Vec<u8>;

/// A handle to the lines on their way.
#[derive(Clone)]
pub struct Lines(Arc<Queue>);

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    is_writing: bool,
    dropped: u64,
    told: u64,
}

impl Lines {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the operating system gives no thread, or there is no standard error.
    pub(super) fn start(notice: Notice) -> io::Result<Self> {
        // Not by way of the standard library's own handle: its lock would be held for as long as a line is not taken.
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

    /// Waits until everything is written, at most so long; says whether it is.
    pub fn flush(&self, limit: Duration) -> bool {
        let state = self.0.lock();
        let waits = |state: &mut State| state.is_writing || !state.waiting.is_empty();
        let waited = self.0.changed.wait_timeout_while(state, limit, waits);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

/// Takes a line, or drops it where there is no room.
impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        if state.waiting.len() + line.len() > MOST {
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

impl Queue {
    // Nobody panics who holds it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines and writes them; then how many were dropped meanwhile, for they would have come behind these.
    fn write_some(&self, out: &mut impl Write, notice: Notice) {
        let waiting = self.changed.wait_while(self.lock(), |state| state.waiting.is_empty());
        let mut state = waiting.unwrap_or_else(PoisonError::into_inner);
        let lines = mem::take(&mut state.waiting);
        let dropped = state.dropped;
        let untold = dropped - state.told;
        state.is_writing = true;
        drop(state);
        let lost = write_all(out, &lines);
        let is_told = untold > 0 && lost == 0 && write_all(out, &notice(untold)) == 0;
        let mut state = self.lock();
        state.is_writing = false;
        state.dropped += lost;
        if is_told {
            state.told = dropped;
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
            // Whoever shares it with this process may have told it not to wait.
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

    fn written(queue: &Queue) -> String {
        let mut out = Vec::new();
        queue.write_some(&mut out, notice);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_has_no_room_is_dropped_counted_and_told_where_it_would_have_stood() {
        let mut lines = Lines(Arc::default());
        let line = [b"x".repeat(MOST / 4 - 1), b"\n".to_vec()].concat();
        for _ in 0..7 {
            lines.write_all(&line).unwrap();
        }
        assert_eq!(lines.dropped(), 3);
        assert!(!Lines::flush(&lines, Duration::ZERO));
        let text = written(&lines.0);
        assert!(text.len() > MOST && text.ends_with("x\n3 dropped\n"), "{} bytes", text.len());
        assert!(Lines::flush(&lines, Duration::ZERO));
        lines.write_all(b"more\n").unwrap();
        assert_eq!(written(&lines.0), "more\n", "told once");
    }

    #[test]
    fn what_nobody_takes_counts_as_dropped_and_is_told_when_somebody_does() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut lines = Lines(Arc::default());
        lines.write_all(b"one\ntwo\n").unwrap();
        lines.0.write_some(&mut Gone, notice);
        assert_eq!(lines.dropped(), 2);
        lines.write_all(b"three\n").unwrap();
        assert_eq!(written(&lines.0), "three\n2 dropped\n");
    }
}
