//! Request bodies: read to the end within limits, and parsed as DRF's `request.data`
//! (`rest_framework/parsers.py`, `rest_framework/request.py`).

mod charset;
mod data;
mod form;
mod json;
mod multipart;
mod read;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;

pub use charset::Charset;
pub use data::{Data, Value};
pub use form::form;
pub use read::{MAX_BODY, read, read_authenticated};

use super::media_type::{MAX_MEDIA_TYPE, MediaType};
use crate::http::error::HttpError;

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
    // DRF tries its parsers in this order.
    if media.includes("application/x-www-form-urlencoded") {
        let fields = form(&body, charset).into_iter().map(|(name, text)| (name, Value::Text(text.into_bytes())));
        Ok(Data::Fields { fields: fields.collect(), form: true })
    } else if media.includes("multipart/form-data") {
        multipart::multipart(&media, &body, charset)
    } else if media.includes("application/json") {
        json::json(&body, charset).map_err(|error| HttpError::bad_request(format!("JSON parse error - {error}")))
    } else {
        Err(unsupported())
    }
}
