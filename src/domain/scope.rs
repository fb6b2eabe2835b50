//! Scopes: what a named token is for (RFC 6749 section 3.3).

/// Scope text in its one form: scope tokens separated by single blanks, each once, in the order given.
///
/// # Errors
/// When a character stands in it that RFC 6749 does not allow in a scope token.
pub fn normalise(text: &str) -> Result<String, &'static str> {
    let mut scopes: Vec<&str> = Vec::new();
    for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
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
