//! Python's functions on text.

/// Python's `str.strip()`. It also removes four control characters that are not white space in Unicode.
pub fn python_strip(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_whitespace() || ('\x1c'..='\x1f').contains(&character))
}
