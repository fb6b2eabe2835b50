//! The parameter `grace`: how long a replaced token or secret stays valid.

use std::time::Duration;

use crate::domain::duration;

/// The message for a text that is not a duration.
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
