//! `GET /metrics`: what Prometheus reads.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpResponse, web};

use crate::http::AppState;

/// All counters, as text (Prometheus' exposition format 0.0.4).
pub async fn metrics(state: web::Data<AppState>) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"));
    answer.body(state.service.metrics_text())
}
