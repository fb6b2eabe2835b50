//! Media types as DRF and Django read them, for `Accept` and `Content-Type`
//! (`rest_framework/utils/mediatypes.py`, `rest_framework/negotiation.py`, `django/utils/http.py`).

use super::text::python_strip;

/// The longest media type that DRF accepts, in characters.
pub const MAX_MEDIA_TYPE: usize = 256;

/// How much of an `Accept` header DRF reads, in characters and in ranges.
const MAX_ACCEPT: usize = 8192;
const MAX_RANGES: usize = 64;

/// The widest indent of JSON.
const MAX_INDENT: usize = 8;

/// A media type or range and its parameters, names in lower case.
#[derive(Debug, PartialEq, Eq)]
pub struct MediaType {
    essence: String,
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// Accepts any text. A text that is not a media type matches no media type.
    pub fn parse(text: &str) -> Self {
        let mut parts = split_outside_quotes(text).into_iter();
        let essence = python_strip(parts.next().unwrap_or_default()).to_lowercase();
        let mut parameters: Vec<_> = parts.filter_map(parameter).collect();
        // Python adds parameters in the extended form (`name*=`) last.
        parameters.sort_by_key(|(extended, ..)| *extended);
        Self { essence, parameters: parameters.into_iter().map(|(_, name, value)| (name, value)).collect() }
    }

    /// The type without its parameters, in lower case. The WHATWG's standard calls this the essence.
    pub fn essence(&self) -> &str {
        &self.essence
    }

    /// The value of a parameter; the last one counts, as in a Python dict.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether `offered`, a media type without parameters, is in this range. In the range, either side of the `/` may
    /// be `*`.
    pub fn includes(&self, offered: &str) -> bool {
        let halves = |text: &str| {
            let (main, sub) = text.split_once('/').unwrap_or((text, ""));
            (main.to_owned(), sub.to_owned())
        };
        let ((main, sub), (offered_main, offered_sub)) = (halves(&self.essence), halves(offered));
        (sub == "*" || sub == offered_sub) && (main == "*" || main == offered_main)
    }

    /// How specific it is, from 0 to 3. DRF looks at the most specific ranges first.
    fn precedence(&self) -> u8 {
        let (main, sub) = self.essence.split_once('/').unwrap_or((&self.essence, ""));
        let only_quality = self.parameters.iter().all(|(name, _)| name == "q");
        match (main, sub) {
            ("*", _) => 0,
            (_, "*") => 1,
            _ if only_quality => 2,
            _ => 3,
        }
    }
}

/// The indent that an `Accept` header asks of JSON (`application/json; indent=4`), 0 for none.
/// `None` when it accepts no JSON at all.
pub fn json_indent(accept: Option<&str>) -> Option<usize> {
    let ranges = ranges(accept.unwrap_or("*/*"));
    for precedence in (0..=3).rev() {
        for range in ranges.iter().filter(|range| range.precedence() == precedence) {
            if range.includes("application/json") {
                return Some(range.parameter("indent").map_or(0, indent_of));
            }
        }
    }
    None
}

/// A parameter's name and value, and whether it has the extended form of RFC 2231, `name*=charset'language'text`.
fn parameter(text: &str) -> Option<(bool, String, String)> {
    let (name, value) = text.split_once('=')?;
    let (name, value) = (python_strip(name).to_lowercase(), unquoted(python_strip(value)));
    let Some(name) = name.strip_suffix('*') else { return Some((false, name, value)) };
    let text = value.splitn(3, '\'').nth(2).unwrap_or(&value);
    let text = percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some((true, name.to_owned(), text))
}

/// Python's `email.utils.unquote`.
fn unquoted(value: &str) -> String {
    let within = |open, close| value.strip_prefix(open).and_then(|value: &str| value.strip_suffix(close));
    match (within('"', '"'), within('<', '>')) {
        (Some(quoted), _) => quoted.replace("\\\\", "\\").replace("\\\"", "\""),
        (None, Some(quoted)) => quoted.to_owned(),
        (None, None) => value.to_owned(),
    }
}

/// Python's `int()`, clamped to what DRF indents by; 0 for what is no number.
fn indent_of(text: &str) -> usize {
    let text = python_strip(text);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = digits.split('_').all(|group| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit()));
    if !is_number || text.starts_with('-') {
        return 0;
    }
    // A number that overflows is larger than the maximum, too.
    digits.replace('_', "").parse().map_or(MAX_INDENT, |indent: usize| indent.min(MAX_INDENT))
}

/// The ranges of an `Accept` header that DRF looks at.
fn ranges(accept: &str) -> Vec<MediaType> {
    let mut looked_at: String = accept.chars().take(MAX_ACCEPT).collect();
    if looked_at.len() < accept.len() {
        looked_at.truncate(looked_at.rfind(',').unwrap_or(0));
    }
    let is_read = |range: &&str| !range.is_empty() && range.chars().count() <= MAX_MEDIA_TYPE;
    looked_at.split(',').map(python_strip).filter(is_read).take(MAX_RANGES).map(MediaType::parse).collect()
}

fn split_outside_quotes(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (position, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                parts.push(&text[start..position]);
                start = position + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_headers_as_drf_reads_them() {
        for (accept, indent) in [
            (None, Some(0)),
            (Some("*/*"), Some(0)),
            (Some("application/json"), Some(0)),
            (Some("APPLICATION/JSON"), Some(0)),
            (Some("application/*"), Some(0)),
            (Some("text/html, application/xhtml+xml, */*;q=0.1"), Some(0)),
            (Some("application/json; indent=4"), Some(4)),
            (Some("*/*, application/json; indent=2"), Some(2)),
            (Some("application/json;indent=99"), Some(8)),
            (Some("application/json;indent=-1"), Some(0)),
            (Some("application/json;indent=x"), Some(0)),
            (Some("application/json;q=0"), Some(0)),
            (Some("application/xml"), None),
            (Some("text/*"), None),
            (Some("*"), None),
            (Some(""), None),
            (Some("application/json;indent=0_4"), Some(4)),
            (Some("application/json;indent= +4 "), Some(4)),
            (Some("application/json;indent=4__0"), Some(0)),
            (Some("application/json;indent=99999999999999999999999"), Some(8)),
            (Some("application/json;indent=-99999999999999999999999"), Some(0)),
        ] {
            assert_eq!(json_indent(accept), indent, "{accept:?}");
        }
    }

    #[test]
    fn long_accept_headers_are_read_in_part() {
        let many = |count: usize| format!("{}application/json;indent=4", "text/html,".repeat(count));
        assert_eq!(json_indent(Some(&many(MAX_RANGES - 1))), Some(4));
        assert_eq!(json_indent(Some(&many(MAX_RANGES))), None);
        let long = |length: usize| format!("application/json;x={}", "a".repeat(length - "application/json;x=".len()));
        assert_eq!(json_indent(Some(&long(MAX_MEDIA_TYPE))), Some(0));
        assert_eq!(json_indent(Some(&long(MAX_MEDIA_TYPE + 1))), None);
        let late = |length: usize| format!("{},*/*", "a".repeat(length - 4));
        assert_eq!(json_indent(Some(&late(MAX_ACCEPT))), Some(0));
        assert_eq!(json_indent(Some(&late(MAX_ACCEPT + 1))), None);
    }

    #[test]
    fn parameters() {
        let media = MediaType::parse("multipart/form-data; boundary=\"a;b\"; charset=x; CHARSET=y");
        assert_eq!(media.parameter("boundary"), Some("a;b"));
        assert_eq!(media.parameter("charset"), Some("y"));
        let media_of = |text: &str| MediaType::parse(text).parameter("boundary").map(ToOwned::to_owned);
        assert_eq!(media_of("a/b; boundary=<x y>").as_deref(), Some("x y"));
        assert_eq!(media_of("a/b; boundary=\"x\\\"y\"").as_deref(), Some("x\"y"));
        assert_eq!(media_of("a/b; boundary*=utf-8''x%20y; boundary=z").as_deref(), Some("x y"));
        assert_eq!(media_of("a/b; Boundary"), None);
        assert!(media.includes("multipart/form-data") && !media.includes("multipart/mixed"));
    }
}
