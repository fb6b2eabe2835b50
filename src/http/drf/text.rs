//! Text as Python has it.

/// Python's `str.strip()`, whose white space has four control characters more than Unicode's.
pub fn python_strip(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_whitespace() || ('\x1c'..='\x1f').contains(&character))
}
