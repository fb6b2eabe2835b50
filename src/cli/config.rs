//! `jeton config`.

use super::Failure;
use super::output::line;
use crate::config::RawSettings;

/// Prints one line for each setting: name, value, source.
pub fn config(raw: &RawSettings) -> Result<(), Failure> {
    raw.lines().iter().try_for_each(|text| line(text))
}
