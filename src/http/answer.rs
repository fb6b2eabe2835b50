//! Answers in DRF's form: compact JSON, and `{"detail": ".."}`.

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use utoipa::ToSchema;

/// JSON as Python's `json.dumps` writes it with DRF's separators; indented when `indent` is not 0
/// (`rest_framework/renderers.py::JSONRenderer`).
pub fn render(value: &impl Serialize, indent: usize) -> String {
    let mut text = Vec::new();
    let spaces = " ".repeat(indent);
    let written = if indent == 0 {
        serde_json::to_writer(&mut text, value)
    } else {
        let formatter = serde_json::ser::PrettyFormatter::with_indent(spaces.as_bytes());
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter))
    };
    // Our values are strings, numbers, lists and maps with text keys. All of these are possible in JSON.
    written.expect("our values are JSON");
    let text = String::from_utf8(text).expect("JSON is UTF-8");
    // JavaScript does not allow these line separators in a string.
    if text.contains(['\u{2028}', '\u{2029}']) {
        text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
    } else {
        text
    }
}

/// An answer with a JSON body. The type has no charset, as DRF's has none.
pub fn json(status: StatusCode, value: &impl Serialize) -> HttpResponse {
    builder(status).body(render(value, 0))
}

/// A JSON answer without its body.
pub fn builder(status: StatusCode) -> HttpResponseBuilder {
    let mut builder = HttpResponse::build(status);
    builder.insert_header((CONTENT_TYPE, "application/json"));
    builder
}

/// DRF's error body.
#[derive(Serialize, ToSchema)]
pub struct Detail<'a> {
    /// DRF's message.
    pub detail: &'a str,
}

/// `{"detail": ".."}`.
pub fn detail(status: StatusCode, detail: &str) -> HttpResponse {
    json(status, &Detail { detail })
}
