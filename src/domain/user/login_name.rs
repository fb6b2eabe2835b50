//! The name that a login gives, and when two names count as one.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What the name of a login may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoginBy {
    /// A username.
    #[default]
    Username,
    /// An e-mail address.
    Email,
    /// Either. If it is one user's username and another user's e-mail address, the first of these users is meant.
    UsernameOrEmail,
}

impl LoginBy {
    /// Whether the name may be a username.
    #[must_use]
    pub const fn takes_username(self) -> bool {
        matches!(self, Self::Username | Self::UsernameOrEmail)
    }

    /// Whether the name may be an e-mail address.
    #[must_use]
    pub const fn takes_email(self) -> bool {
        matches!(self, Self::Email | Self::UsernameOrEmail)
    }

    /// The same, and a username too.
    #[must_use]
    pub const fn or_username(self) -> Self {
        match self {
            Self::Username => Self::Username,
            Self::Email | Self::UsernameOrEmail => Self::UsernameOrEmail,
        }
    }
}

/// Whether case counts in usernames, and in the e-mail addresses of logins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsernameCase {
    /// It counts.
    #[default]
    Exact,
    /// It does not.
    Ignore,
}

impl UsernameCase {
    /// Two names that count as one have the same folded text.
    #[must_use]
    pub fn fold(self, name: &str) -> String {
        match self {
            Self::Exact => name.to_owned(),
            Self::Ignore => name.chars().map(folded).collect(),
        }
    }
}

/// The lower case of a letter. It depends on nothing but the letter: a Greek sigma at the end of a word, which has a form of
/// its own, is a sigma. Only the letters of ASCII become ASCII, and each becomes one letter: so the Turkish `İ` and the
/// sign for Kelvin stay as they are.
fn folded(letter: char) -> char {
    let mut lower = letter.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some('ς'), None) => 'σ',
        (Some(lower), None) if lower.is_ascii() == letter.is_ascii() => lower,
        _ => letter,
    }
}

/// The letters that count as this one, which is folded, where case does not count: itself and others.
#[must_use]
pub fn spellings_of(letter: char) -> Vec<char> {
    static OTHERS: LazyLock<HashMap<char, Vec<char>>> = LazyLock::new(|| {
        let mut others: HashMap<char, Vec<char>> = HashMap::new();
        for other in char::MIN..=char::MAX {
            let folded = folded(other);
            if folded != other {
                others.entry(folded).or_default().push(other);
            }
        }
        others
    });
    std::iter::once(letter).chain(OTHERS.get(&letter).into_iter().flatten().copied()).collect()
}

/// The name that a login gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginName {
    /// As sent.
    pub text: String,
    /// What it may be.
    pub by: LoginBy,
}

impl LoginName {
    /// A username.
    #[must_use]
    pub const fn username(text: String) -> Self {
        Self { text, by: LoginBy::Username }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_by_case_only_count_as_one() {
        let fold = |name| UsernameCase::Ignore.fold(name);
        for (one, other) in [
            ("Alice", "aLICE"),
            ("JÜRGEN", "jürgen"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευσ"),
            ("Σς", "ςσ"),
            ("STRAẞE", "straße"),
            ("ǅ", "Ǆ"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        for (one, other) in [("I", "ı"), ("i", "İ"), ("ß", "ss"), ("k", "\u{212a}"), ("é", "e\u{301}")] {
            assert_ne!(fold(one), fold(other), "{one} {other}");
        }
    }

    #[test]
    fn a_folded_letter_is_one_letter_is_folded_and_is_ascii_if_it_was() {
        for letter in char::MIN..=char::MAX {
            let one = folded(letter);
            assert_eq!((folded(one), one.is_ascii()), (one, letter.is_ascii()), "{letter}");
            assert!(spellings_of(one).contains(&letter), "{letter}");
        }
        assert_eq!(spellings_of('σ'), ['σ', 'Σ', 'ς']);
        assert_eq!(spellings_of('ж'), ['ж', 'Ж']);
    }
}
