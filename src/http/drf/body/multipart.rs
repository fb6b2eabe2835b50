//! Multipart forms as Django reads them (`django/http/multipartparser.py`): everything between two boundaries is a
//! part, a part without a readable header is ignored, and a missing end is not an error.

use super::charset::Charset;
use super::data::{Data, Value};
use crate::http::drf::media_type::MediaType;
use crate::http::error::HttpError;

/// The longest header of a part.
const MAX_HEADER: usize = 1024;

/// What Python's `bytes.strip()` cuts off.
const BLANKS: [char; 6] = [' ', '\t', '\n', '\r', '\u{b}', '\u{c}'];

/// The longest boundary.
const MAX_BOUNDARY: usize = 201;

/// The fields of a multipart form.
pub fn multipart(media: &MediaType, body: &[u8], charset: Charset) -> Result<Data, HttpError> {
    let error = |text: String| HttpError::bad_request(format!("Multipart form parse error - {text}"));
    // RFC 2046 section 5.1.1
    let boundary = media.parameter("boundary").filter(|boundary| {
        (1..=MAX_BOUNDARY).contains(&boundary.len())
            && boundary.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
            && !boundary.ends_with(' ')
    });
    let Some(boundary) = boundary else {
        let shown = media.parameter("boundary").unwrap_or("None");
        return Err(error(format!("Invalid boundary in multipart: {shown}")));
    };
    let (mut texts, mut files) = (Vec::new(), Vec::new());
    for part in parts(body, format!("--{boundary}").as_bytes()) {
        let Some(end) = find(&part[..part.len().min(MAX_HEADER)], b"\r\n\r\n") else {
            if part.len() < MAX_HEADER {
                continue;
            }
            return Err(error("Request max total header size exceeded.".into()));
        };
        let header = Header::parse(&part[..end]);
        let Some(name) = header.name.map(|name| charset.lossy(name.as_bytes())) else { continue };
        // Browsers send an empty file name for a file field that was left empty. Django reads such a part as a text.
        let Some(file) = header.file.filter(|file| !file.is_empty()) else {
            let content = &part[end + 4..];
            let decoded = if header.is_base64 { base64(content) } else { None };
            let text = charset.lossy(decoded.as_deref().unwrap_or(content));
            texts.push((name, Value::Text(text.into_bytes())));
            continue;
        };
        let last = file.rsplit(['/', '\\']).next().unwrap_or_default();
        if !matches!(last, "" | "." | "..") {
            files.push((name, Value::File));
        }
    }
    // DRF adds the files after the fields, so a file wins over a text of the same name.
    texts.append(&mut files);
    Ok(Data::Fields { fields: texts, form: true })
}

/// The parts before, between and after the separators, without the line end before each separator.
fn parts<'a>(body: &'a [u8], separator: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = body;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(at) = find(rest, separator) else { return Some(std::mem::take(&mut rest)) };
        let part = &rest[..at];
        rest = &rest[at + separator.len()..];
        let part = part.strip_suffix(b"\n").unwrap_or(part);
        Some(part.strip_suffix(b"\r").unwrap_or(part))
    })
}

/// The header of a part.
#[derive(Default)]
struct Header {
    /// The field's name; `None` without `Content-Disposition`.
    name: Option<String>,
    /// The file's name; `None` if the part is not a file.
    file: Option<String>,
    is_base64: bool,
}

impl Header {
    fn parse(header: &[u8]) -> Self {
        let mut found = Self::default();
        let mut rest = Some(header);
        while let Some(line) = rest {
            let end = find(line, b"\r\n");
            rest = end.map(|end| &line[end + 2..]);
            // A line that is not UTF-8 is ignored.
            let Ok(line) = std::str::from_utf8(&line[..end.unwrap_or(line.len())]) else { continue };
            // A header field has parameters in the same form as a media type.
            let field = MediaType::parse(line);
            let Some((name, value)) = field.essence().split_once(':') else { continue };
            match name {
                "content-disposition" => {
                    found.name = field.parameter("name").map(|name| name.trim_matches(BLANKS).to_owned());
                    found.file = field.parameter("filename").map(ToOwned::to_owned);
                }
                "content-transfer-encoding" => found.is_base64 = value.trim() == "base64",
                _ => {}
            }
        }
        found
    }
}

/// Base64 as Python's `b64decode` reads it, strange characters skipped; `None` when the padding is wrong.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    let digits: Vec<u8> =
        text.iter().copied().filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')).collect();
    BASE64_STANDARD.decode(digits).ok()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Vec<(String, String)> {
        let media = MediaType::parse("multipart/form-data; boundary=x");
        let data = multipart(&media, body.as_bytes(), Charset::Known(encoding_rs::UTF_8)).unwrap();
        let Data::Fields { fields, form: true } = data else { panic!("{data:?}") };
        let text = |value| match value {
            Value::Text(text) => String::from_utf8(text).unwrap(),
            Value::File => "a file".to_owned(),
            other => panic!("{other:?}"),
        };
        fields.into_iter().map(|(name, value)| (name, text(value))).collect()
    }

    #[test]
    fn forms_as_django_reads_them() {
        let part = |header: &str, text: &str| format!("--x\r\n{header}\r\n\r\n{text}\r\n");
        let field = |more: &str| part(&format!("Content-Disposition: form-data; name=\"a\"{more}"), "MQ==");
        let one = |text: &str| vec![("a".to_owned(), text.to_owned())];
        for (body, fields) in [
            (field(""), one("MQ==")),
            (field("") + "--x--\r\n", one("MQ==")),
            ("preamble\r\n".to_owned() + &field("") + "--x--\r\nepilogue", one("MQ==")),
            (field("\r\nContent-Transfer-Encoding: base64"), one("1")),
            (field("; filename=\"\""), one("MQ==")),
            (field("; filename=\"b\""), one("a file")),
            (field("; filename=\"a/..\""), vec![]),
            (field("; filename*=utf-8''b"), one("a file")),
            (field("\r\nnonsense"), one("MQ==")),
            (field("").replace("form-data; name=\"a\"", "FORM-DATA; NAME=a"), one("MQ==")),
            (field("").replace("\"a\"", "\" a \""), one("MQ==")),
            (field("").replace("; name", "; id"), vec![]),
            (field("").replace("\"a\"", "\"\u{a0}a\""), vec![("\u{a0}a".to_owned(), "MQ==".to_owned())]),
            (part("Content-Type: text/plain", "1") + &field(""), one("MQ==")),
            ("garbage".to_owned(), vec![]),
        ] {
            let fields: Vec<(String, String)> = fields;
            let read = read(&body);
            // A field without a closing boundary includes what follows it.
            let trimmed: Vec<_> = read.iter().map(|(name, text)| (name.clone(), text.trim_end().to_owned())).collect();
            assert_eq!(trimmed, fields, "{body:?}");
        }
        let media = MediaType::parse("multipart/form-data; boundary=x");
        let latin1 = b"--x\r\nContent-Disposition: form-data; name=\xe9\r\n\r\n1\r\n--x--";
        let data = multipart(&media, latin1, Charset::Latin1).unwrap();
        assert!(matches!(data, Data::Fields { fields, .. } if fields.is_empty()), "a header that is not UTF-8");
        let endless = multipart(&media, &[b'a'; MAX_HEADER], Charset::Known(encoding_rs::UTF_8));
        assert!(endless.is_err());
    }
}
