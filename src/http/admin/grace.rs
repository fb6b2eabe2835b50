//! How long what is replaced goes on: the parameter `grace`.

use std::time::Duration;

use crate::domain::duration;

/// What it may be; a hundred years at most, which no pattern says well.
pub const PATTERN: &str = "^(0|[0-9]{1,4}(ms|s|m|h|d))$";

/// What is said of any other.
pub const FAULT: &str = "Enter a duration such as 30m or 12h.";

/// How long the replaced token or secret stays valid; empty: not at all.
///
/// # Errors
/// A message if the text is not a duration.
pub fn parse(text: &str) -> Result<Option<Duration>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    duration::parse(text).map(Some).map_err(|_| FAULT)
}
