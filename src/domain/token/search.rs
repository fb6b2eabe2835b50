//! What a search among tokens goes by: the id, or the first characters of the key.

use super::KEY_START_CHARS;

/// What a text says about a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenSearch {
    /// The token's id.
    pub id: Option<i64>,
    /// The first characters of its key, as its row has them.
    pub key_start: Option<String>,
}

impl TokenSearch {
    /// Reads a text, which may have the prefix of keys before the characters, and the dots of a shortened key after them.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let text = text.trim().trim_end_matches(['.', '\u{2026}']);
        if text.contains(char::is_whitespace) {
            return Self::default();
        }
        let random = text.rsplit_once('_').map_or(text, |(_, random)| random);
        let length = random.chars().count();
        let is_hex = random.chars().all(|digit| digit.is_ascii_hexdigit());
        let key_start = (length == KEY_START_CHARS || length > KEY_START_CHARS && is_hex)
            .then(|| random.chars().take(KEY_START_CHARS).collect());
        Self { id: text.parse().ok().filter(|id| *id > 0), key_start }
    }

    /// Whether no token can be found by it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.id.is_none() && self.key_start.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_first_characters_are_read() {
        let read = |text: &str| {
            let search = TokenSearch::of(text);
            (search.id, search.key_start)
        };
        let start = |text: &str| Some(text.to_owned());
        assert_eq!(read(" 517 "), (Some(517), None));
        assert_eq!(read("5170"), (Some(5170), start("5170")));
        assert_eq!(read("f1aa"), (None, start("f1aa")));
        assert_eq!(read("f1aa\u{2026}"), (None, start("f1aa")));
        assert_eq!(read("jt_f1aa90"), (None, start("f1aa")));
        for none in ["", "-5", "0", "f1a", "petrovic", "f1aa 90", "jt_"] {
            assert!(TokenSearch::of(none).is_empty(), "{none}");
        }
    }
}
