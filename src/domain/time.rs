//! Clocks. The only file that reads the real clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::Utc;

pub use super::timestamp::Timestamp;

/// The source of the time: the machine, or a test that sets it.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that is moved with [`Clock::advance`] and set with [`Clock::set_ahead`].
    Fixed(FixedClock),
}

/// A clock for tests: the true time, which all machines of a test share, and by how many microseconds this machine's
/// clock is ahead of it.
#[derive(Clone, Debug)]
pub struct FixedClock {
    passed: Arc<AtomicI64>,
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// A clock that stands still at `start` until it is advanced.
    #[must_use]
    pub fn fixed(start: Timestamp) -> Self {
        Self::Fixed(FixedClock { passed: Arc::new(AtomicI64::new(start.as_micros())), ahead: Arc::default() })
    }

    /// The wall clock's time, as clients and other nodes see it. It jumps when somebody sets the machine's clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the real clock")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::from_micros(Utc::now().timestamp_micros()),
            Self::Fixed(clock) => {
                Timestamp::from_micros(clock.passed.load(Ordering::SeqCst) + clock.ahead.load(Ordering::SeqCst))
            }
        }
    }

    /// The time by a clock that nobody sets (monotonic): for durations that begin and end in this process.
    #[must_use]
    pub fn uptime(&self) -> Uptime {
        match self {
            Self::System => Uptime::now(),
            Self::Fixed(clock) => {
                Uptime::from_nanos(u64::try_from(clock.passed.load(Ordering::SeqCst)).unwrap_or(0) * 1_000)
            }
        }
    }

    /// Both times, read together. They are read again if the process was suspended in between.
    #[must_use]
    pub fn now_and_uptime(&self) -> (Timestamp, Uptime) {
        loop {
            let (uptime, time) = (self.uptime(), self.now());
            if self.uptime().since(uptime) < Duration::from_millis(100) {
                return (time, uptime);
            }
        }
    }

    /// The time by another machine's clock, which read `theirs`. In a test the clocks of other machines show the true
    /// time.
    #[must_use]
    pub fn remote_time(&self, theirs: Timestamp) -> Timestamp {
        match self {
            Self::System => theirs,
            Self::Fixed(clock) => Timestamp::from_micros(clock.passed.load(Ordering::SeqCst)),
        }
    }

    /// Advances the true time of a test. Does nothing to the machine's clock.
    pub fn advance(&self, span: Duration) {
        if let Self::Fixed(clock) = self {
            clock.passed.fetch_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }

    /// The clock of another machine, with the same true time.
    #[must_use]
    pub fn another(&self) -> Self {
        match self {
            Self::System => Self::System,
            Self::Fixed(clock) => Self::Fixed(FixedClock { passed: Arc::clone(&clock.passed), ahead: Arc::default() }),
        }
    }

    /// Sets a test's clock this many seconds ahead of the true time, or behind it if negative. Does nothing to the
    /// machine's clock.
    pub fn set_ahead(&self, seconds: i64) {
        if let Self::Fixed(clock) = self {
            clock.ahead.store(seconds.saturating_mul(1_000_000), Ordering::SeqCst);
        }
    }
}

/// The time since the machine was started, in nanoseconds, including the time it was suspended; it never jumps.
/// `std::time::Instant` does not count suspended time, so after a long suspension a cache would still count as fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uptime(u64);

impl Uptime {
    /// The current uptime.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the real clock")]
    pub fn now() -> Self {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let part = |number: i64| u64::try_from(number).unwrap_or(0);
        Self(part(time.tv_sec) * 1_000_000_000 + part(time.tv_nsec))
    }

    /// From nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// In nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The uptime `span` later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The uptime `span` earlier.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The uptime as a timestamp. An edge uses it instead of the wall clock to decide whether a token has ended. Such a
    /// timestamp may be compared only with others of its kind.
    #[must_use]
    pub const fn as_time(self) -> Timestamp {
        Timestamp::from_micros((self.0 / 1_000).cast_signed())
    }

    /// How long from `earlier` to this moment; zero when it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Measures how long something took, or whether a deadline has passed; unlike [`Clock`] it never jumps.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts measuring now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the real clock")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
