//! Request bodies, read whole and bounded, and what they say: DRF's `request.data`
//! (`rest_framework/parsers.py`, `rest_framework/request.py`).

mod budget;
mod charset;
mod form;
mod json;
mod multipart;

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{self, Bytes, BytesMut, Payload};
use futures_util::StreamExt;

pub use budget::Budget;
use budget::Claim;
pub use charset::Charset;
pub use form::form;

use super::error::HttpError;
use super::media_type::{MAX_MEDIA_TYPE, MediaType};
use super::{AppState, Connection, client_address};

/// The largest body of an ordinary route, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// How much more than allowed is read and thrown away, so that a client that is still sending sees the answer.
const MAX_DRAINED: usize = 4 * 1024 * 1024;

/// How long a client may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads a body of at most `limit` bytes from somebody who has not said yet who they are: 503 when such bodies hold too
/// much already ([`Budget`]).
pub async fn read(request: &HttpRequest, payload: Payload, limit: usize) -> Result<Bytes, HttpError> {
    let claim = claim(request, |state| &state.bodies)?;
    read_in_time(request, payload, limit, claim).await
}

/// The same from a caller who is known by their head.
pub async fn read_known(request: &HttpRequest, payload: Payload, limit: usize) -> Result<Bytes, HttpError> {
    let claim = claim(request, |state| &state.known_bodies)?;
    read_in_time(request, payload, limit, claim).await
}

fn claim(request: &HttpRequest, budget: impl FnOnce(&AppState) -> &Budget) -> Result<Option<Claim>, HttpError> {
    let Some(state) = request.app_data::<web::Data<AppState>>() else { return Ok(None) };
    budget(state).claim(client_address(request, state)).map(Some).ok_or(HttpError::Crowded)
}

async fn read_in_time(
    request: &HttpRequest,
    payload: Payload,
    limit: usize,
    claim: Option<Claim>,
) -> Result<Bytes, HttpError> {
    let connection = request.conn_data::<Arc<Connection>>();
    if let Some(connection) = connection {
        connection.wait();
    }
    let read = actix_web::rt::time::timeout(BODY_TIMEOUT, read_whole(request, payload, limit, claim)).await;
    if let Some(connection) = connection {
        connection.go_on();
    }
    match read {
        Ok(result) => result.and_then(|body| as_sent(request, body)),
        Err(_) => Err(HttpError::Detail(StatusCode::REQUEST_TIMEOUT, "The request body took too long.".into())),
    }
}

async fn read_whole(
    request: &HttpRequest,
    mut payload: Payload,
    limit: usize,
    mut claim: Option<Claim>,
) -> Result<Bytes, HttpError> {
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
        if size > limit {
            body = BytesMut::new();
            continue;
        }
        body.extend_from_slice(&chunk);
        if claim.as_mut().is_some_and(|claim| !claim.grow(body.capacity())) {
            return Err(HttpError::Crowded);
        }
    }
    if size > limit {
        return Err(too_large());
    }
    let body = body.freeze();
    Ok(match claim {
        Some(claim) if !body.is_empty() => claim.with(body),
        _ => body,
    })
}

/// A body that is compressed is none of ours: unpacked, it could be of any size.
fn as_sent(request: &HttpRequest, body: Bytes) -> Result<Bytes, HttpError> {
    let codings = request.headers().get_all(CONTENT_ENCODING).flat_map(|value| value.as_bytes().split(|b| *b == b','));
    let mut codings = codings.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty());
    match codings.find(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        Some(coding) if !body.is_empty() => {
            let detail = format!("Unsupported content encoding \"{}\" in request.", String::from_utf8_lossy(coding));
            Err(HttpError::Detail(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
        }
        _ => Ok(body),
    }
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
pub fn parse(request: &HttpRequest, body: Bytes) -> Result<Data, HttpError> {
    if body.is_empty() {
        return Ok(Data::Fields { fields: Vec::new(), form: true });
    }
    let raw_type = request.headers().get(CONTENT_TYPE).map_or(b"".as_slice(), |value| value.as_bytes());
    let content_type: String = raw_type.iter().map(|byte| char::from(*byte)).collect();
    let unsupported = || {
        let detail = format!("Unsupported media type \"{content_type}\" in request.");
        HttpError::Detail(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    };
    if raw_type.len() > MAX_MEDIA_TYPE {
        return Err(unsupported());
    }
    let media = MediaType::parse(&content_type);
    let charset = Charset::of(&media);
    // DRF asks its parsers in this order.
    if media.includes("application/x-www-form-urlencoded") {
        let fields = form(&body, charset).into_iter().map(|(name, text)| (name, Value::Text(text.into_bytes())));
        Ok(Data::Fields { fields: fields.collect(), form: true })
    } else if media.includes("multipart/form-data") {
        multipart::multipart(&media, &body, charset)
    } else if media.includes("application/json") {
        json::json(&body, charset).map_err(|error| bad_request(format!("JSON parse error - {error}")))
    } else {
        Err(unsupported())
    }
}

/// 400, and DRF's `detail`.
fn bad_request(detail: String) -> HttpError {
    HttpError::Detail(StatusCode::BAD_REQUEST, detail)
}
