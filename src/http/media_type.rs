//! Media types as DRF and Django read them, for `Accept` and `Content-Type`
//! (`rest_framework/utils/mediatypes.py`, `rest_framework/negotiation.py`, `django/utils/http.py`).

/// A media type or range and its parameters, names in lower case.
#[derive(Debug, PartialEq, Eq)]
pub struct MediaType {
    full: String,
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// Reads anything: what is no media type matches none.
    pub fn parse(text: &str) -> Self {
        let mut parts = split_outside_quotes(text).into_iter();
        let full = parts.next().unwrap_or_default().trim().to_lowercase();
        let parameters = parts
            .filter_map(|part| {
                let (name, value) = part.split_once('=')?;
                let value = value.trim();
                let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
                let value =
                    unquoted.map_or_else(|| value.to_owned(), |v| v.replace("\\\\", "\\").replace("\\\"", "\""));
                Some((name.trim().to_lowercase(), value))
            })
            .collect();
        Self { full, parameters }
    }

    /// The value of a parameter; the last one counts, as in a Python dict.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether `offered`, a media type without parameters, is in this range. Both sides may hold `*`.
    pub fn includes(&self, offered: &str) -> bool {
        let halves = |text: &str| {
            let (main, sub) = text.split_once('/').unwrap_or((text, ""));
            (main.to_owned(), sub.to_owned())
        };
        let ((main, sub), (offered_main, offered_sub)) = (halves(&self.full), halves(offered));
        (sub == "*" || sub == offered_sub) && (main == "*" || main == offered_main)
    }

    /// DRF's order: more specific first.
    fn precedence(&self) -> u8 {
        let (main, sub) = self.full.split_once('/').unwrap_or((&self.full, ""));
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
    let ranges: Vec<MediaType> =
        accept.unwrap_or("*/*").split(',').map(|range| MediaType::parse(range.trim())).collect();
    for precedence in (0..=3).rev() {
        for range in ranges.iter().filter(|range| range.precedence() == precedence) {
            if range.includes("application/json") {
                let indent = range.parameter("indent").and_then(|indent| indent.trim().parse::<i64>().ok());
                return Some(usize::try_from(indent.unwrap_or(0).clamp(0, 8)).unwrap_or(0));
            }
        }
    }
    None
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
        ] {
            assert_eq!(json_indent(accept), indent, "{accept:?}");
        }
    }

    #[test]
    fn parameters() {
        let media = MediaType::parse("multipart/form-data; boundary=\"a;b\"; charset=x; CHARSET=y");
        assert_eq!(media.parameter("boundary"), Some("a;b"));
        assert_eq!(media.parameter("charset"), Some("y"));
        assert!(media.includes("multipart/form-data") && !media.includes("multipart/mixed"));
    }
}
