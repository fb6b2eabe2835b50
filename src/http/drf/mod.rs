//! Answers in DRF's form: compact JSON, DRF's messages, its `OPTIONS` and its 405.

pub mod body;
pub mod fields;
pub mod media_type;
pub mod pagination;
pub mod query;
mod text;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use serde_json::json;
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
pub fn answer(status: StatusCode, value: &impl Serialize) -> HttpResponse {
    builder(status).body(render(value, 0))
}

/// The same with `no-store`, for tokens, secrets and introspection.
pub fn secret_answer(status: StatusCode, value: &impl Serialize) -> HttpResponse {
    builder(status).insert_header((CACHE_CONTROL, "no-store")).body(render(value, 0))
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
    answer(status, &Detail { detail })
}

/// Any other method: OPTIONS gets DRF's `SimpleMetadata`, all others 405.
pub async fn other_method(request: HttpRequest) -> HttpResponse {
    if *request.method() != Method::OPTIONS {
        return method_not_allowed(request.method());
    }
    let pattern = request.match_pattern().unwrap_or_default();
    let words = pattern.split(['/', '-']).filter(|word| !word.is_empty() && !word.starts_with('{'));
    let name: Vec<String> = words.map(|word| word[..1].to_uppercase() + &word[1..]).collect();
    let metadata = json!({
        "name": name.join(" "),
        "description": "",
        "renders": ["application/json"],
        "parses": ["application/x-www-form-urlencoded", "multipart/form-data", "application/json"],
    });
    answer(StatusCode::OK, &metadata)
}

/// 405 in DRF's words.
pub fn method_not_allowed(method: &Method) -> HttpResponse {
    detail(StatusCode::METHOD_NOT_ALLOWED, &format!("Method \"{method}\" not allowed."))
}

/// 404 for a path that has no route.
pub async fn not_found() -> HttpResponse {
    detail(StatusCode::NOT_FOUND, "Not found.")
}

/// One of our JSON answers, with another indent.
pub async fn indented(answer: HttpResponse, indent: usize) -> HttpResponse {
    if indent == 0 {
        return answer;
    }
    let (head, body) = answer.into_parts();
    let body = actix_web::body::to_bytes(body).await.expect("our bodies are in memory");
    let value: serde_json::Value = serde_json::from_slice(&body).expect("our answers are JSON");
    head.set_body(actix_web::body::BoxBody::new(render(&value, indent)))
}
