//! Finds the key in a text that somebody has copied: a header, JSON, a line of a form, a mail. This is for explaining a key
//! only. What authenticates is read by DRF's rules, which take none of this.

use super::{has_valid_checksum, may_be_knox_key};
use crate::domain::safe_text::is_invisible;

/// How many characters a prefix of Knox's keys may have (`knox/settings.py`).
const MAX_KNOX_PREFIX: usize = 10;

/// The longest key of jeton's or of Knox's: with a prefix, 32 characters at most, and `_`.
const MAX_CHARS: usize = 32 + 1 + 64;

/// What a copied text has in it. It has no `Debug`, because it holds a key.
pub enum Copied {
    /// One text in the form of a key.
    Key {
        /// The key.
        key: String,
        /// Whether blanks or invisible characters were taken out of it, or from beside it, which nobody sees who copies it.
        was_mended: bool,
    },
    /// Two such texts, or more.
    Several,
    /// None. What is left without the words and marks around it may be a key of another form, which was imported.
    Other(String),
}

impl Copied {
    /// Reads a text.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let clean: String = text.chars().filter(|c| !is_left_out(*c)).collect();
        let groups = groups(&clean);
        let whole: Vec<String> = groups.iter().flat_map(|words| whole_keys(words)).collect();
        // A long key may begin with a part that looks like a short one, so whole words go first.
        let mut found =
            if whole.is_empty() { groups.iter().flat_map(|words| broken_keys(words)).collect() } else { whole };
        match (found.pop(), found.is_empty()) {
            (None, _) => Self::Other(bare(text).to_owned()),
            (Some(_), false) => Self::Several,
            (Some(key), true) => Self::Key { was_mended: !stands_alone(&key, text), key },
        }
    }
}

/// Whether a text has something that is as long as a whole key, broken or not, so that it should stand in no URL.
/// `console.js` has the same rule.
#[must_use]
pub fn has_whole_key(text: &str) -> bool {
    let joined: Vec<char> = text.chars().filter(|c| !c.is_whitespace() && !is_left_out(*c)).collect();
    joined.split(|c| !c.is_ascii_hexdigit()).any(|run| run.len() >= 40)
}

/// Characters that nobody sees, so that they are copied with a key, or put into it by a mail program.
fn is_left_out(c: char) -> bool {
    is_invisible(c) && !c.is_whitespace()
        || c.is_control() && !c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{2060}'..='\u{2064}')
}

/// Characters of keys.
fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// The words of a text. Those between which there are only blanks, or the soft break of a mail, are in one group: they may
/// be parts of one key. A dash at the end of a word is a hyphen, and none of a key.
fn groups(text: &str) -> Vec<Vec<&str>> {
    let mut groups: Vec<Vec<&str>> = vec![Vec::new()];
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (between, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|c| !is_part(c)).unwrap_or(from.len()));
        let blanks = between.strip_prefix("=\r\n").or_else(|| between.strip_prefix("=\n")).unwrap_or(between);
        if !blanks.chars().all(char::is_whitespace) {
            groups.push(Vec::new());
        }
        let word = word.trim_matches(['-', '_']);
        if let Some(words) = groups.last_mut().filter(|_| !word.is_empty()) {
            words.push(word);
        }
        rest = after;
    }
    groups
}

/// The words that have the form of a key, but for what HTTP Basic takes.
fn whole_keys(words: &[&str]) -> Vec<String> {
    let is_basic = |at: usize| at > 0 && words[at - 1].eq_ignore_ascii_case("basic");
    let keys = words.iter().enumerate().filter(|(at, word)| has_form_of_key(word) && !is_basic(*at));
    keys.map(|(_, word)| (*word).to_owned()).collect()
}

/// The keys that are broken into several words.
fn broken_keys(words: &[&str]) -> Vec<String> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < words.len() {
        let mut joined = words[at].to_owned();
        let end = (at + 1..words.len()).find(|next| {
            joined.push_str(words[*next]);
            // A word before Knox's 64 digits is a prefix only if it is in one piece with some of them.
            let is_apart = may_be_knox_key(&joined) && joined.len() >= 64 + words[at].len();
            joined.len() > MAX_CHARS || has_form_of_key(&joined) && !is_apart
        });
        match end {
            Some(end) if joined.len() <= MAX_CHARS => {
                found.push(joined);
                at = end + 1;
            }
            _ => at += 1,
        }
    }
    found
}

/// Whether it may be a key of jeton's or of Knox's, by its length, its characters and its checksum.
fn has_form_of_key(text: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let has_checksum = || {
        let digits = text.rsplit_once('_').map(|(_, digits)| digits);
        digits.is_some_and(|digits| digits.len() == 48 && is_hex(digits)) && has_valid_checksum(text)
    };
    text.len() == 40 && is_hex(text) || may_be_knox_key(text) && text.len() <= 64 + MAX_KNOX_PREFIX || has_checksum()
}

/// Whether the key is in the text in one piece, and nothing invisible stands beside it.
fn stands_alone(key: &str, text: &str) -> bool {
    let is_odd = |c: char| is_left_out(c) || c.is_whitespace() && !c.is_ascii();
    text.split_once(key).is_some_and(|(before, after)| !before.ends_with(is_odd) && !after.starts_with(is_odd))
}

/// A text without the words and marks around it: `Authorization: Token "x",` is `x`.
fn bare(text: &str) -> &str {
    let is_mark = |c: char| c.is_whitespace() || is_left_out(c) && c != '\0' || "\"'`{},;".contains(c);
    let mut rest = text;
    loop {
        let before = rest;
        rest = rest.trim_matches(is_mark).trim_start_matches([':', '=']);
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let word = rest[..end].to_ascii_lowercase();
        if end < rest.len() && ["authorization", "token", "bearer", "key"].contains(&word.as_str()) {
            rest = &rest[end..];
        }
        if rest == before {
            return rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::token::Token;

    const KEY: &str = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b";
    const OTHER: &str = "0123456789abcdef0123456789abcdef01234567";

    /// The key, whether it was mended, and what else the text is.
    fn read(text: &str) -> (String, bool) {
        match Copied::read(text) {
            Copied::Key { key, was_mended } => (key, was_mended),
            Copied::Several => ("several".into(), false),
            Copied::Other(text) => (format!("other: {text}"), false),
        }
    }

    #[test]
    fn a_key_is_found_as_people_copy_it() {
        let with_prefix = Token::generate(Some("my-app")).expose().to_owned();
        let knox = format!("{KEY}{}", &OTHER[..24]);
        let knox_with_prefix = format!("kn_{knox}");
        for key in [KEY, &with_prefix, &knox, &knox_with_prefix] {
            for text in [
                key.to_owned(),
                format!("  {key}\r\n"),
                format!("Token {key}"),
                format!("bearer\t{key}"),
                format!("Authorization: Token {key}"),
                format!("authorization: bearer {key}"),
                format!("Bearer: {key}"),
                format!("\"{key}\""),
                format!("'{key}'"),
                format!("`{key}`"),
                format!("{{\"token\":\"{key}\"}}"),
                format!("{{\"key\": \"{key}\", \"expiry\": null}}"),
                format!("token={key}"),
                format!("--token={key}"),
                format!("TOKEN='{key}'"),
                format!("{key},"),
                format!("{key};"),
                format!("curl -H 'Authorization: Token {key}' https://example.com/me/"),
                format!("Good morning,\n\nmy key is {key}. It does not work.\n"),
                format!("Generated token {key} for user amy"),
            ] {
                assert!(read(&text) == (key.to_owned(), false), "{text:?}");
            }
            for (before, after) in
                [("\u{feff}", ""), ("", "\u{200b}"), ("\u{a0}", "\u{a0}"), ("Token\u{a0}", ""), ("\"\u{2060}", "\"")]
            {
                let text = format!("{before}{key}{after}");
                assert!(read(&text) == (key.to_owned(), true), "{text:?}");
            }
            for break_ in ["\n", "\r\n", " ", "=\n", "=\r\n", "-\n", "\u{ad}\n", "\u{200b}", "  \n  "] {
                for at in [key.len() - 30, key.len() - 7] {
                    for around in ["", "Token ", "key: "] {
                        let text = format!("{around}{}{break_}{}", &key[..at], &key[at..]);
                        assert!(read(&text) == (key.to_owned(), true), "{text:?}");
                    }
                }
                let text = format!("{}{break_}{}{break_}{}", &key[..12], &key[12..20], &key[20..]);
                assert!(read(&text) == (key.to_owned(), true), "{text:?}");
            }
        }
    }

    #[test]
    fn two_keys_are_told_from_one() {
        for text in [
            format!("{KEY}\n{OTHER}\n"),
            format!("{KEY} {KEY}"),
            format!("{{\"old\": \"{KEY}\", \"new\": \"{OTHER}\"}}"),
            format!("{}\n{} {}\n{}", &KEY[..20], &KEY[20..], &OTHER[..30], &OTHER[30..]),
        ] {
            assert!(read(&text).0 == "several", "{text:?}");
        }
    }

    #[test]
    fn other_texts_are_freed_of_what_stands_around_them() {
        let shorter = &KEY[1..];
        for (text, rest) in [
            ("", ""),
            (" \u{3000}", ""),
            ("Token", "Token"),
            ("Token  my own key", "my own key"),
            ("token-of-mine", "token-of-mine"),
            (" Authorization: Bearer 8c1f-77 \n", "8c1f-77"),
            ("{\"token\": \"8c1f-77\"}", "8c1f-77"),
            ("\u{feff}YWJj==,", "YWJj=="),
            ("a\0b", "a\0b"),
            ("517", "517"),
            (shorter, shorter),
        ] {
            assert_eq!(read(text).0, format!("other: {rest}"), "{text:?}");
        }
        let upper = KEY.to_uppercase();
        assert_eq!(read(&upper).0, format!("other: {upper}"), "keys have small letters");
        assert_eq!(read(&format!("Basic {KEY}")).0, format!("other: Basic {KEY}"));
        let (key, last) = (Token::generate(Some("acme")).expose().to_owned(), "x");
        let changed = format!("{}{last}", &key[..key.len() - 1]);
        assert_eq!(read(&format!("Token {changed}")).0, format!("other: {changed}"), "the checksum");
    }

    #[test]
    fn whole_keys_are_recognised_before_they_are_searched_for() {
        for text in [
            KEY.to_owned(),
            KEY.to_uppercase(),
            format!("Token {KEY}"),
            format!("{{\"token\":\"{KEY}\"}}"),
            format!("{} {}", &KEY[..20], &KEY[20..]),
            format!("\u{feff}{}\u{200b}{}", &KEY[..20], &KEY[20..]),
            format!("acme_{KEY}00c0ffee"),
        ] {
            assert!(has_whole_key(&text), "{text:?}");
        }
        for text in ["", "9944", &KEY[1..], "petrovic", &"x".repeat(40), "a@b.example 9944b09199c62bcf9418"] {
            assert!(!has_whole_key(text), "{text:?}");
        }
    }
}
