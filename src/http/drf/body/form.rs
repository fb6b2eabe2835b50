//! URL-encoded forms.

use super::charset::Charset;

/// The pairs of a URL-encoded form, as Python's `parse_qsl` reads them for Django's `QueryDict`.
pub fn form(body: &[u8], charset: Charset) -> Vec<(String, String)> {
    // A body that is malformed in the charset is read as Latin-1.
    let body = charset.strict(body).unwrap_or_else(|_| Charset::Latin1.lossy(body));
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        if spaced.contains('%') { unquote(&spaced, charset) } else { spaced }
    };
    body.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// Python's `unquote`: stretches of ASCII are decoded by the charset, and the text between them is not changed.
fn unquote(text: &str, charset: Charset) -> String {
    let stretches = text.as_bytes().chunk_by(|a, b| a.is_ascii() == b.is_ascii());
    let decoded = stretches.map(|stretch| match std::str::from_utf8(stretch) {
        Ok(other) if !other.is_ascii() => other.to_owned(),
        _ => charset.lossy(&percent_encoding::percent_decode(stretch).collect::<Vec<u8>>()),
    });
    decoded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_as_python_reads_them() {
        let utf8 = Charset::Known(encoding_rs::UTF_8);
        let pairs = |body: &[u8], charset| form(body, charset);
        assert_eq!(
            pairs(b"a=1&a=2&&b&c=+%2B%C3%A9", utf8),
            [
                ("a".into(), "1".into()),
                ("a".into(), "2".into()),
                ("b".into(), String::new()),
                ("c".into(), " +é".into()),
            ]
        );
        assert_eq!(pairs(b"a=%ff", utf8)[0].1, "\u{fffd}");
        assert_eq!(pairs(b"a=%e9", Charset::Latin1)[0].1, "é");
        assert_eq!(pairs(b"a=\xe9", utf8)[0].1, "é");
        assert_eq!(pairs("a=é".as_bytes(), Charset::Latin1)[0].1, "Ã©");
        assert_eq!(pairs(b"a=\xe9%e9", Charset::Latin1)[0].1, "éé");
        assert_eq!(pairs("a=é%C3%A9".as_bytes(), utf8)[0].1, "éé");
    }
}
