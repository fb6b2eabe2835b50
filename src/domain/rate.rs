//! Rates in DRF's form: `10/min`.

use std::time::Duration;

/// At most `count` events in any window of `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many events; at least 1.
    pub count: u32,
    /// The window's length.
    pub per: Duration,
}

impl Rate {
    /// Reads DRF's form, `<number>/<period>`, where the period's first letter counts: s, m, h or d
    /// (`rest_framework/throttling.py`).
    ///
    /// # Errors
    /// A message that says what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}` is not a limit; write for example 10/min, 100/hour or none");
        let (count, period) = text.split_once('/').ok_or_else(expected)?;
        let count = count.parse().ok().filter(|count| *count > 0).ok_or_else(expected)?;
        let seconds = match period.chars().next() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            _ => return Err(expected()),
        };
        Ok(Self { count, per: Duration::from_secs(seconds) })
    }
}
