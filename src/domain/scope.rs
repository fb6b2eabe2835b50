//! Scopes: what a named token is for (RFC 6749 section 3.3).

/// The scope that a named token needs, in addition to its user's rights, to act as staff on jeton itself.
pub const ADMIN: &str = "jeton:admin";

/// The prefix of scopes that jeton itself interprets. Only staff may grant them.
const RESERVED: &str = "jeton:";

/// The longest list of scopes, in characters. The limit is low because the list is sent back in headers.
pub const MAX_CHARS: usize = 1000;

/// The pattern of a list of scopes: RFC 6749's characters, and blanks between scopes.
pub const PATTERN: &str = r"^[ !#-\[\]-~]*$";

/// Normalises scopes: single blanks between them, each scope once, in the order given.
///
/// # Errors
/// When the text is too long, or has a character that RFC 6749 does not allow in a scope.
pub fn normalise(text: &str) -> Result<String, &'static str> {
    if text.chars().count() > MAX_CHARS {
        return Err("Ensure this field has no more than 1000 characters.");
    }
    let mut scopes: Vec<&str> = Vec::new();
    for scope in each(text) {
        // scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
        if !scope.bytes().all(|b| b == 0x21 || (0x23..=0x5b).contains(&b) || (0x5d..=0x7e).contains(&b)) {
            return Err("Enter scopes separated by blanks, of visible ASCII characters other than \" and \\.");
        }
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes.join(" "))
}

/// Iterates over the scopes.
pub fn each(scopes: &str) -> impl Iterator<Item = &str> {
    scopes.split(' ').filter(|scope| !scope.is_empty())
}

/// Whether `wanted` is one of the scopes, with regard to case.
#[must_use]
pub fn has(scopes: &str, wanted: &str) -> bool {
    each(scopes).any(|scope| scope == wanted)
}

/// Whether only staff may grant this scope.
#[must_use]
pub fn is_reserved(scope: &str) -> bool {
    scope.starts_with(RESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_normalised_and_bounded() {
        assert_eq!(normalise("  b a  b ").as_deref(), Ok("b a"));
        assert_eq!(normalise("").as_deref(), Ok(""));
        assert!(normalise("a\"").is_err() && normalise("a\tb").is_err() && normalise("é").is_err());
        assert!(normalise(&"x".repeat(MAX_CHARS)).is_ok());
        assert!(normalise(&"x".repeat(MAX_CHARS + 1)).unwrap_err().contains(&MAX_CHARS.to_string()));
    }

    #[test]
    fn scopes_are_compared_as_a_whole() {
        assert!(has("a jeton:admin b", ADMIN) && has(ADMIN, ADMIN));
        assert!(!has("jeton:administrator xjeton:admin JETON:ADMIN jeton: admin", ADMIN) && !has("", ""));
        assert!(is_reserved(ADMIN) && is_reserved("jeton:") && !is_reserved("jeton") && !is_reserved("xjeton:admin"));
    }
}
