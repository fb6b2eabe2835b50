//! What DRF does around a handler: its parsers, serializer fields, pages, negotiation, `OPTIONS` and 405.

pub mod body;
pub mod fields;
pub mod media_type;
pub mod pagination;
pub mod query;
mod text;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::answer::{self, detail, render};

/// Answers a method that the path does not have: OPTIONS gets DRF's `SimpleMetadata`, all others 405.
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
    answer::json(StatusCode::OK, &metadata)
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
