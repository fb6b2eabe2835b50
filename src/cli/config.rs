//! `jeton config`.

use super::Failure;
use super::output::line;
use crate::config::Given;

/// One line a setting: name, value, source.
pub fn config(given: &Given) -> Result<(), Failure> {
    given.lines().iter().try_for_each(|text| line(text))
}
