//! Forms: URL-encoded and multipart.

use actix_web::web::Bytes;
use futures_util::stream;

use super::{Charset, Data, Value, bad_request};
use crate::http::error::HttpError;
use crate::http::media_type::MediaType;

/// The pairs of an URL-encoded form, as Python's `parse_qsl` reads them for Django's `QueryDict`.
pub fn form(body: &[u8], charset: Charset) -> Vec<(String, String)> {
    // Raw bytes that are no UTF-8 count as Latin-1; those behind percent signs are decoded by the charset.
    let body = match std::str::from_utf8(body) {
        Ok(text) => text.to_owned(),
        Err(_) => Charset::Latin1.lossy(body),
    };
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        let bytes: Vec<u8> = percent_encoding::percent_decode_str(&spaced).collect();
        // Characters that were not behind percent signs are UTF-8 here whatever the charset.
        if spaced.contains('%') { charset.lossy(&bytes) } else { spaced }
    };
    body.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// The fields of a multipart form.
pub async fn multipart(media: &MediaType, body: Bytes, charset: Charset) -> Result<Data, HttpError> {
    let error = |text: String| bad_request(format!("Multipart form parse error - {text}"));
    // RFC 2046 section 5.1.1
    let boundary = media.parameter("boundary").filter(|boundary| {
        (1..=200).contains(&boundary.len())
            && boundary.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
            && !boundary.ends_with(' ')
    });
    let Some(boundary) = boundary else {
        let shown = media.parameter("boundary").unwrap_or("None");
        return Err(error(format!("Invalid boundary in multipart: {shown}")));
    };
    let once = stream::once(async move { Ok::<_, std::convert::Infallible>(body) });
    let mut parts = multer::Multipart::new(once, boundary);
    let mut fields = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(|problem| error(problem.to_string()))? {
        let Some(name) = part.name().map(ToOwned::to_owned) else { continue };
        let file_name = part.file_name().map(ToOwned::to_owned);
        let bytes = part.bytes().await.map_err(|problem| error(problem.to_string()))?;
        match file_name.as_deref() {
            None => fields.push((name, Value::Text(charset.lossy(&bytes).into_bytes()))),
            // A file field left empty in a browser.
            Some("") => {}
            Some(_) => fields.push((name, Value::File)),
        }
    }
    // DRF adds the files after the fields, so a file wins over a text of the same name.
    fields.sort_by_key(|(_, value)| matches!(value, Value::File));
    Ok(Data::Fields { fields, form: true })
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
    }
}
