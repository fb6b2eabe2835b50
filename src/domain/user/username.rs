//! Usernames: Django's rules for new ones (`django/contrib/auth/validators.py`), and how long any may be.

use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;

/// The longest username, in characters (Django).
pub const MAX_USERNAME_CHARS: usize = 150;

/// The pattern of a new username for ECMA-262 with the flag `u`, as JSON Schema reads patterns. `\w` would mean the
/// letters and digits of ASCII only.
pub const USERNAME_PATTERN: &str = r"^[\p{L}\p{N}_.@+\-]+$";

static USERNAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\A[\p{L}\p{N}_.@+-]+\z").expect("the pattern is fixed"));

/// The longest imported username, in bytes: far longer than an e-mail address, and half of what PostgreSQL's indexes
/// allow.
pub const MAX_USERNAME_BYTES: usize = 1024;

/// The longest external id, in bytes: as long as a username, because both are unique.
pub const MAX_EXTERNAL_ID_BYTES: usize = MAX_USERNAME_BYTES;

/// A username to look up. Text that is too long for any username is cut, but stays too long, so that no user is found.
#[must_use]
pub fn bounded_username(text: String) -> String {
    if text.len() <= MAX_USERNAME_BYTES { text } else { text.chars().take(MAX_USERNAME_BYTES + 1).collect() }
}

/// A username for a new user: NFKC, and Django's `UnicodeUsernameValidator`.
///
/// # Errors
/// Django's messages.
pub fn new_username(text: &str) -> Result<String, Vec<String>> {
    let username: String = text.nfkc().collect();
    let mut faults = Vec::new();
    if username.is_empty() {
        return Err(vec!["This field may not be blank.".into()]);
    }
    if username.chars().count() > MAX_USERNAME_CHARS {
        faults.push(format!("Ensure this field has no more than {MAX_USERNAME_CHARS} characters."));
    }
    if !USERNAME.is_match(&username) {
        faults.push(
            "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.".into(),
        );
    }
    if faults.is_empty() { Ok(username) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_follow_django() {
        for good in ["alice", "a.b+c@d-e_f", "ünïcödé", "用户", "x1²"] {
            assert!(new_username(good).is_ok(), "{good}");
        }
        assert_eq!(new_username("ﬁsh").unwrap(), "fish", "NFKC");
        assert!(new_username(&"x".repeat(150)).is_ok());
        for bad in ["", "a b", "a/b", "a\n", "\u{301}", "a\0", "😀", &"x".repeat(151)] {
            assert!(new_username(bad).is_err(), "{bad:?}");
        }
    }
}
