//! Probes, metrics, and this document itself.

use super::operation::Op;
use super::parts::{fields, text};
use crate::http::ops::health::Health;
use crate::service::Readiness;

pub fn operations() -> Vec<Op> {
    vec![
        Op::get("/healthz", "healthz", "Whether the process lives").secured(&[]).answers::<Health>(200, "It does."),
        Op::get("/readyz", "readyz", "Whether it can serve")
            .secured(&[])
            .describe(
                "The database is asked once a second at most, and nothing is written. `disk` is there while the database's \
                 disk takes no writes; introspection goes on.",
            )
            .answers::<Readiness>(200, "It can answer introspection, from its database or from memory.")
            .answers::<Readiness>(503, "It cannot."),
        Op::get("/metrics", "metrics", "What Prometheus reads")
            .describe("With `JETON_METRICS_LISTEN` it is at that address only.")
            .secured(&[])
            .answers_text("All counters (exposition format 0.0.4).", "text/plain", text()),
        Op::get("/openapi.json", "openapi", "This document").secured(&[]).answers_text(
            "OpenAPI 3.1.",
            "application/json",
            fields(),
        ),
        Op::get("/docs/", "docs", "A page to read and try it").secured(&[]).answers_text(
            "The page.",
            "text/html",
            text(),
        ),
    ]
}
