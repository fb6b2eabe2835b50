//! Makes untrusted text safe to show in a terminal or in a line of the log.

/// Shown in place of text that may contain a key.
pub const HIDDEN: &str = "[hidden]";

/// Keys, digests and client secrets contain a run of letters and digits as long as this; words and UUIDs do not.
const KEY_LENGTH: usize = 20;

/// The minimum length of a client secret that an operator chose.
const SECRET_LENGTH: usize = 32;

/// Whether the character embeds, overrides or isolates a direction of writing. Such a character goes on to the end of its
/// line, so that a name with it rearranges what stands beside it. No name needs one: letters have a direction themselves.
pub const fn changes_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether the character changes the direction of writing, breaks a line, or is invisible.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Escapes text for a terminal. Names are user input, at a login even from strangers: a control character, or one that
/// changes the direction of writing, could forge whole lines of a list.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// Joins the lines of a message, for example of a database, into one: `no connection; is the server running?`.
pub fn one_line(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for line in text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()) {
        match joined.chars().next_back() {
            None => {}
            Some(':' | ';' | ',' | '.' | '?' | '!') => joined.push(' '),
            Some(_) => joined.push_str("; "),
        }
        joined.push_str(line);
    }
    joined
}

/// Cuts text to this many characters; `..` marks the cut.
pub fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}

/// Replaces the segments of a path that may be keys.
pub fn path_without_keys(path: &str) -> String {
    let segments: Vec<&str> =
        path.split('/').map(|segment| if may_be_key(segment) { HIDDEN } else { segment }).collect();
    segments.join("/")
}

/// Replaces the words of a text that may be keys.
pub fn text_without_keys(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '%' || c == '_';
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|c| !is_part(c)).unwrap_or(from.len()));
        shown.push_str(before);
        shown.push_str(if may_be_key(word) { HIDDEN } else { word });
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// Replaces an unknown client id if it may be a key or a secret in the wrong field.
pub fn name_without_keys(name: &str) -> &str {
    if may_be_key(name) || name.chars().count() >= SECRET_LENGTH { HIDDEN } else { name }
}

/// Whether a text that should be a name may be a key.
pub fn may_be_key(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '%';
    text.split(|c| !is_part(c)).any(|run| run.len() >= KEY_LENGTH && run.contains(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(visible("a\u{1b}[2J\nb\u{202e}c\u{85}é"), "a\\u{1b}[2J\\nb\\u{202e}c\\u{85}é");
    }

    #[test]
    fn lines_become_one() {
        let libpq = "connection to server failed: Connection refused\n\tIs the server running?\n";
        assert_eq!(one_line(libpq), "connection to server failed: Connection refused; Is the server running?");
        assert_eq!(one_line("ERROR:  no\r\nDETAIL: it is:\nhere"), "ERROR:  no; DETAIL: it is: here");
        assert_eq!((one_line("one line"), one_line(" \n")), ("one line".into(), String::new()));
    }

    #[test]
    fn a_cut_says_that_it_is_one() {
        assert_eq!((cut("äöü", 3), cut("äöü", 2)), ("äöü".into(), "äö..".into()));
    }

    #[test]
    fn keys_in_a_text_are_hidden_and_the_rest_stays() {
        let key = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b";
        for (text, shown) in [
            (format!("Token {key}, and \u{e4}"), "Token [hidden], and \u{e4}"),
            (format!("acme_{key}00c0ffee"), "[hidden]"),
            ("a b".into(), "a b"),
            (String::new(), ""),
        ] {
            assert_eq!(text_without_keys(&text), shown);
        }
    }

    #[test]
    fn keys_are_hidden_and_words_are_not() {
        let key = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b";
        for secret in [key, &format!("acme_{key}00c0ffee"), &format!("x.{key}"), "seven%20purple%20herons"] {
            assert_eq!(path_without_keys(&format!("/a/{secret}/b")), "/a/[hidden]/b");
            assert_eq!(name_without_keys(secret), HIDDEN);
        }
        for plain in ["/wp-login.php", "/a//b/", "/internationalisation-of-everything/2026-11-28", ""] {
            assert_eq!(path_without_keys(plain), plain);
        }
        assert_eq!(name_without_keys("the-reports-of-2026"), "the-reports-of-2026");
        assert_eq!(name_without_keys("a secret that somebody has made up"), HIDDEN);
    }
}
