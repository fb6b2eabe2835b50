//! What is known of this node's clock: what it and the uptime read last, how far it is from the database's, and what
//! follows from these.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::time::{Timestamp, Uptime};

/// How far a clock may be from the database's, and how far it may be set.
const TOLERANCE: Duration = Duration::from_secs(2);

/// How long a clock is not trusted after it was set: time enough to find out that it was set wrong.
const DISTRUST_PERIOD: Duration = Duration::from_hours(1);

/// How long after the last trusted time a node over SQLite may start. If it starts later, either the service was
/// stopped for so long, or the clock is wrong.
const MAX_ABSENCE: Duration = Duration::from_hours(24);

/// How old the last trusted time in the database may be before it is replaced.
const NOTE_INTERVAL: Duration = Duration::from_hours(6);

/// The shortest time between two lines in the log about a wrong clock.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

/// The state of this node's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockState {
    /// Right, as far as is known.
    Right,
    /// Ahead of the database's clock by this many microseconds, or behind it if negative.
    Differs(i64),
    /// Set forward by this many microseconds, or back if negative, less than an hour ago.
    Set(i64),
    /// The node started less than an hour ago. By its clock, the last trusted time was this long before the start.
    StartedLate(Duration),
}

/// `ok`, or what is wrong.
impl fmt::Display for ClockState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right => f.write_str("ok"),
            Self::Differs(micros) => {
                let direction = if *micros > 0 { "ahead of" } else { "behind" };
                write!(f, "{:.1} s {direction} the database's", seconds(*micros).abs())
            }
            Self::Set(micros) => {
                let direction = if *micros > 0 { "forward" } else { "back" };
                write!(f, "set {direction} by {:.1} s", seconds(*micros).abs())
            }
            Self::StartedLate(absence) => {
                write!(f, "{:.1} days after it was last trusted", absence.as_secs_f64() / 86_400.0)
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of three centuries are exact, and more need not be")]
pub fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// What is known of the clock so far.
#[derive(Default)]
pub struct ClockWatch {
    seen: Mutex<Seen>,
}

#[derive(Default)]
pub struct Seen {
    /// The last reading of both clocks.
    last: Option<(Timestamp, Uptime)>,
    /// By how much this clock was ahead of the database's at the last comparison.
    pub ahead: Option<i64>,
    /// By how much it was last set, and when.
    set: Option<(i64, Uptime)>,
    /// What this node found at its start, if its database has no clock of its own.
    pub start: Option<Start>,
    /// When a wrong clock was last logged.
    logged_at: Option<Uptime>,
}

/// The last trusted time, compared with the clock when the node started.
#[derive(Clone, Copy)]
pub struct Start {
    /// How much later this node's clock was, if that was too much, and the uptime at that moment.
    after: Option<(Duration, Uptime)>,
    /// The last trusted time in the database now.
    pub last_trusted: Option<Timestamp>,
}

impl Start {
    pub fn new(last_trusted: Option<Timestamp>, now: Timestamp, uptime: Uptime) -> Self {
        let after = last_trusted.map(|last| now.since(last)).filter(|after| *after > MAX_ABSENCE);
        Self { after: after.map(|after| (after, uptime)), last_trusted }
    }

    /// Whether the last trusted time in the database must be replaced.
    pub fn is_old(self, now: Timestamp) -> bool {
        self.last_trusted.is_none_or(|last| now.since(last) >= NOTE_INTERVAL || last > now.latest_plausible())
    }
}

impl ClockWatch {
    pub fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Whether the wall clock was set since the last reading of both clocks. Stores this reading as the last one.
    pub fn was_set_since_last_reading(&mut self, time: Timestamp, uptime: Uptime) -> bool {
        let Some((last_time, last_uptime)) = self.last.replace((time, uptime)) else { return false };
        let passed = micros(uptime).saturating_sub(micros(last_uptime));
        let moved = time.as_micros().saturating_sub(last_time.as_micros()).saturating_sub(passed);
        let is_set = exceeds_tolerance(moved);
        if is_set {
            self.set = Some((moved, uptime));
        }
        is_set
    }

    pub fn state(&self, uptime: Uptime) -> ClockState {
        if let Some(ahead) = self.ahead.filter(|ahead| exceeds_tolerance(*ahead)) {
            return ClockState::Differs(ahead);
        }
        if let Some((moved, _)) = self.set.filter(|(_, at)| uptime.since(*at) < DISTRUST_PERIOD) {
            return ClockState::Set(moved);
        }
        let after = self.start.and_then(|start| start.after);
        after
            .filter(|(_, at)| uptime.since(*at) < DISTRUST_PERIOD)
            .map_or(ClockState::Right, |(after, _)| ClockState::StartedLate(after))
    }

    pub fn log_state(&mut self, state: ClockState, uptime: Uptime) {
        if state == ClockState::Right {
            if self.logged_at.take().is_some() {
                log::info!("this node's clock is right again");
            }
        } else if let ClockState::StartedLate(_) = state {
            // Logged once: the state does not change until it ends.
            if self.logged_at.is_none() {
                self.logged_at = Some(uptime);
                log::warn!(
                    "this node's clock is {state}: either the service was stopped for so long, or the clock is \
                     wrong. Nothing is purged for an hour"
                );
            }
        } else if self.logged_at.is_none_or(|logged_at| uptime.since(logged_at) >= LOG_INTERVAL) {
            self.logged_at = Some(uptime);
            log::warn!(
                "this node's clock cannot be trusted: {state}. Tokens and grace periods still end by it, and nothing \
                 is purged meanwhile"
            );
        }
    }
}

fn micros(uptime: Uptime) -> i64 {
    i64::try_from(uptime.as_nanos() / 1_000).unwrap_or(i64::MAX)
}

fn exceeds_tolerance(micros: i64) -> bool {
    Duration::from_micros(micros.unsigned_abs()) > TOLERANCE
}

/// The smallest lead that this clock, which read `before` and `after`, can have over the other one, which read `theirs`
/// in between.
pub fn ahead(before: Timestamp, theirs: Timestamp, after: Timestamp) -> i64 {
    let theirs = theirs.as_micros();
    theirs.clamp(before.as_micros().min(after.as_micros()), after.as_micros().max(before.as_micros())) - theirs
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn moment(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_700_000_000 * SECOND + seconds * SECOND)
    }

    fn uptime(seconds: u64) -> Uptime {
        Uptime::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn a_clock_that_is_set_is_not_trusted_for_an_hour() {
        let mut seen = Seen::default();
        assert!(!seen.was_set_since_last_reading(moment(0), uptime(50)), "there is nothing to compare with");
        assert!(!seen.was_set_since_last_reading(moment(3_602), uptime(3_650)), "two seconds in an hour");
        assert_eq!(seen.state(uptime(3_650)), ClockState::Right);
        assert!(seen.was_set_since_last_reading(moment(3_602 + 40 * 86_400), uptime(3_651)));
        assert_eq!(seen.state(uptime(3_651)), ClockState::Set((40 * 86_400 - 1) * SECOND));
        assert!(seen.was_set_since_last_reading(moment(3_604), uptime(3_653)), "and back");
        assert_eq!(seen.state(uptime(3_653)).to_string(), "set back by 3456000.0 s");
        assert!(!seen.was_set_since_last_reading(moment(7_203), uptime(7_252)));
        assert_eq!(seen.state(uptime(7_252)).to_string(), "set back by 3456000.0 s");
        assert_eq!(seen.state(uptime(7_253)), ClockState::Right);
    }

    #[test]
    fn the_difference_is_what_the_way_to_the_database_cannot_explain() {
        let ahead = |before, theirs, after| ahead(moment(before), moment(theirs), moment(after)) / SECOND;
        assert_eq!([ahead(10, 10, 10), ahead(10, 12, 15), ahead(10, 15, 15)], [0; 3]);
        assert_eq!((ahead(10, 7, 15), ahead(10, 18, 15)), (3, -3));
        let state = |micros| Seen { ahead: Some(micros), ..Seen::default() }.state(uptime(1));
        assert_eq!([state(2 * SECOND), state(-2 * SECOND)], [ClockState::Right; 2]);
        assert_eq!(state(2 * SECOND + 100_000).to_string(), "2.1 s ahead of the database's");
        assert_eq!(state(-30 * SECOND).to_string(), "30.0 s behind the database's");
    }
}
