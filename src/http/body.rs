//! Request bodies, read whole and bounded, and what they say: DRF's `request.data`
//! (`rest_framework/parsers.py`, `rest_framework/request.py`).

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{Bytes, BytesMut, Payload};
use encoding_rs::Encoding;
use futures_util::{StreamExt, stream};
use serde_json::value::RawValue;

use super::error::HttpError;
use super::media_type::MediaType;

/// The largest body of an ordinary route, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// How much more than allowed is read and thrown away, so that a client that is still sending sees the answer.
const MAX_DRAINED: usize = 4 * 1024 * 1024;

/// How long a client may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads a body of at most `limit` bytes.
pub async fn read(request: &HttpRequest, payload: Payload, limit: usize) -> Result<Bytes, HttpError> {
    match actix_web::rt::time::timeout(BODY_TIMEOUT, read_whole(request, payload, limit)).await {
        Ok(result) => result,
        Err(_) => Err(HttpError::Detail(StatusCode::REQUEST_TIMEOUT, "The request body took too long.".into())),
    }
}

async fn read_whole(request: &HttpRequest, mut payload: Payload, limit: usize) -> Result<Bytes, HttpError> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let (mut body, mut size) = (BytesMut::new(), 0);
    if announced.is_some_and(|announced| announced > MAX_DRAINED) {
        return Err(too_large());
    }
    while let Some(chunk) = payload.next().await {
        let chunk = chunk
            .map_err(|_| HttpError::Detail(StatusCode::BAD_REQUEST, "The request body could not be read.".into()))?;
        size += chunk.len();
        if size > MAX_DRAINED {
            return Err(too_large());
        }
        if size <= limit {
            body.extend_from_slice(&chunk);
        }
    }
    if size > limit { Err(too_large()) } else { Ok(body.freeze()) }
}

fn too_large() -> HttpError {
    HttpError::Detail(StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large.".into())
}

/// What a body says.
#[derive(Debug)]
pub enum Data {
    /// Fields by name, from a form or a JSON object. A name may come more than once in a form.
    Fields {
        /// In the order they were sent.
        fields: Vec<(String, Value)>,
        /// Whether they came from a form, which has no types.
        form: bool,
    },
    /// JSON `null`.
    Null,
    /// JSON of another type, by Python's name.
    Other(&'static str),
}

/// The value of a field.
#[derive(Clone, Debug)]
pub enum Value {
    /// Text in WTF-8: JSON may hold lone surrogates, which UTF-8 cannot.
    Text(Vec<u8>),
    /// A JSON number, as Python's `str()` writes it.
    Number(String),
    /// A JSON boolean.
    Bool(bool),
    /// JSON `null`.
    Null,
    /// The members of a JSON list.
    List(Vec<Value>),
    /// A JSON object; nothing of ours takes one.
    Object,
    /// An uploaded file.
    File,
}

impl Data {
    /// The last value of a name, as in a Python dict.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields().iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// All values of a name.
    pub fn all(&self, name: &str) -> Vec<Value> {
        self.fields().iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }

    fn fields(&self) -> &[(String, Value)] {
        if let Self::Fields { fields, .. } = self { fields } else { &[] }
    }
}

/// Parses a body by its `Content-Type`: a form, a multipart form or JSON.
///
/// # Errors
/// 415 for another type, 400 for a malformed body, in DRF's words.
pub async fn parse(request: &HttpRequest, body: Bytes) -> Result<Data, HttpError> {
    if body.is_empty() {
        return Ok(Data::Fields { fields: Vec::new(), form: true });
    }
    let raw_type = request.headers().get(CONTENT_TYPE).map_or(b"".as_slice(), |value| value.as_bytes());
    let content_type: String = raw_type.iter().map(|byte| char::from(*byte)).collect();
    let media = MediaType::parse(&content_type);
    let charset = Charset::of(&media);
    // DRF asks its parsers in this order.
    if media.includes("application/x-www-form-urlencoded") {
        let fields = form(&body, charset).into_iter().map(|(name, text)| (name, Value::Text(text.into_bytes())));
        Ok(Data::Fields { fields: fields.collect(), form: true })
    } else if media.includes("multipart/form-data") {
        multipart(&media, body, charset).await
    } else if media.includes("application/json") {
        json(&body, charset).map_err(|error| bad_request(format!("JSON parse error - {error}")))
    } else {
        let detail = format!("Unsupported media type \"{content_type}\" in request.");
        Err(HttpError::Detail(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
    }
}

fn bad_request(detail: String) -> HttpError {
    HttpError::Detail(StatusCode::BAD_REQUEST, detail)
}

/// The charset of a body; one that is unknown counts as UTF-8, as in Django.
#[derive(Clone, Copy)]
pub enum Charset {
    /// Every byte is the character of its number; what the web calls by this name is Windows-1252.
    Latin1,
    /// Any other.
    Known(&'static Encoding),
}

impl Charset {
    /// The `charset` parameter of a content type.
    pub fn of(media: &MediaType) -> Self {
        let name = media.parameter("charset").unwrap_or("utf-8").to_lowercase().replace('_', "-");
        match name.as_str() {
            "iso-8859-1" | "iso8859-1" | "latin-1" | "latin1" | "l1" | "cp819" | "8859" => Self::Latin1,
            _ => Self::Known(Encoding::for_label(name.as_bytes()).unwrap_or(encoding_rs::UTF_8)),
        }
    }

    /// Text, with U+FFFD for what is none.
    fn lossy(self, bytes: &[u8]) -> String {
        match self {
            Self::Latin1 => bytes.iter().map(|byte| char::from(*byte)).collect(),
            Self::Known(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
        }
    }

    /// Text, or where it stops being any.
    fn strict(self, bytes: &[u8]) -> Result<String, String> {
        match self {
            Self::Known(encoding) if encoding == encoding_rs::UTF_8 => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(text.to_owned()),
                Err(error) => {
                    let at = error.valid_up_to();
                    let byte = bytes[at];
                    Err(format!("'utf-8' codec can't decode byte 0x{byte:02x} in position {at}: invalid start byte"))
                }
            },
            Self::Known(encoding) => encoding
                .decode_without_bom_handling_and_without_replacement(bytes)
                .map(std::borrow::Cow::into_owned)
                .ok_or_else(|| format!("'{}' codec can't decode the body", encoding.name().to_lowercase())),
            Self::Latin1 => Ok(self.lossy(bytes)),
        }
    }
}

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

async fn multipart(media: &MediaType, body: Bytes, charset: Charset) -> Result<Data, HttpError> {
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

fn json(body: &[u8], charset: Charset) -> Result<Data, String> {
    let text = charset.strict(body)?;
    if text.starts_with('\u{feff}') {
        return Err("Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)".into());
    }
    let raw: &RawValue = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let text = raw.get();
    Ok(match text.as_bytes()[0] {
        b'{' => {
            let Members(members) = serde_json::from_str(text).map_err(|error| error.to_string())?;
            let fields = members.into_iter().map(|(name, raw)| Ok((name, value(raw)?)));
            Data::Fields { fields: fields.collect::<Result<_, String>>()?, form: false }
        }
        b'[' => Data::Other("list"),
        b'"' => Data::Other("str"),
        b't' | b'f' => Data::Other("bool"),
        b'n' => Data::Null,
        _ if text.contains(['.', 'e', 'E']) => Data::Other("float"),
        _ => {
            python_number(text)?;
            Data::Other("int")
        }
    })
}

fn value(raw: &RawValue) -> Result<Value, String> {
    let text = raw.get();
    Ok(match text.as_bytes()[0] {
        b'{' => Value::Object,
        b'[' => {
            let members: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| error.to_string())?;
            Value::List(members.into_iter().map(value).collect::<Result<_, _>>()?)
        }
        b'"' => {
            let Wtf8(text) = serde_json::from_str(text).map_err(|error| error.to_string())?;
            Value::Text(text)
        }
        b't' => Value::Bool(true),
        b'f' => Value::Bool(false),
        b'n' => Value::Null,
        _ => Value::Number(python_number(text)?),
    })
}

/// A JSON number as Python's `str()` writes it after `json.loads`.
fn python_number(text: &str) -> Result<String, String> {
    if !text.contains(['.', 'e', 'E']) {
        let digits = text.trim_start_matches('-').len();
        if digits > 4300 {
            return Err(format!(
                "Exceeds the limit (4300 digits) for integer string conversion: value has {digits} digits"
            ));
        }
        return Ok(if text == "-0" { "0".into() } else { text.to_owned() });
    }
    let number: f64 = text.parse().map_err(|_| "a number cannot be read".to_owned())?;
    if number.is_infinite() {
        return Ok(if number > 0.0 { "inf".into() } else { "-inf".into() });
    }
    // Rust and Python print the same shortest digits, but choose between the two notations differently.
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    Ok(if (-4..16).contains(&exponent) {
        format!("{number:?}")
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", exponent.abs())
    })
}

/// The text of a JSON string, lone surrogates and all.
struct Wtf8(Vec<u8>);

impl<'de> serde::Deserialize<'de> for Wtf8 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(Wtf8Visitor)
    }
}

struct Wtf8Visitor;

impl serde::de::Visitor<'_> for Wtf8Visitor {
    type Value = Wtf8;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Wtf8, E> {
        Ok(Wtf8(bytes.to_vec()))
    }
}

/// The members of a JSON object, in order, doubles too. A name with a lone surrogate is none of ours and reads as text
/// with replacement characters.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor(std::marker::PhantomData))
    }
}

struct MembersVisitor<'a>(std::marker::PhantomData<&'a ()>);

impl<'de: 'a, 'a> serde::de::Visitor<'de> for MembersVisitor<'a> {
    type Value = Members<'a>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members<'a>, A::Error> {
        let mut members = Vec::new();
        while let Some(Wtf8(name)) = map.next_key()? {
            members.push((String::from_utf8_lossy(&name).into_owned(), map.next_value()?));
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_python_writes_them() {
        for (json, python) in [
            ("0", "0"),
            ("-0", "0"),
            ("123", "123"),
            ("-7", "-7"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("1.0", "1.0"),
            ("1.5", "1.5"),
            ("-0.0", "-0.0"),
            ("1e22", "1e+22"),
            ("1e16", "1e+16"),
            ("1e15", "1000000000000000.0"),
            ("1.5e300", "1.5e+300"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("1.25e-7", "1.25e-07"),
            ("1e999", "inf"),
            ("-1e999", "-inf"),
            ("123456.789", "123456.789"),
            ("9007199254740993.0", "9007199254740992.0"),
            ("1E5", "100000.0"),
        ] {
            assert_eq!(python_number(json).as_deref(), Ok(python), "{json}");
        }
        assert!(python_number(&"9".repeat(4301)).is_err());
    }

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
