//! `GET /metrics`: what Prometheus reads.

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;

use crate::http::endpoint::{Endpoint, Operation, text};
use crate::http::extract::Anyone;
use crate::http::state::State;

/// The endpoint, which `JETON_METRICS_LISTEN` moves to a separate address.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Operation::get("/metrics", "metrics", "Metrics for Prometheus")
            .describe("With `JETON_METRICS_LISTEN`, only at that address.")
            .answers_text("All metrics (exposition format 0.0.4).", "text/plain", text())
            .to(metrics)
            .frequent()
            .without_options(),
    ]
}

/// All metrics, as text (Prometheus' exposition format 0.0.4).
async fn metrics(_: Anyone, state: State) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"));
    answer.body(state.service.metrics_text())
}
