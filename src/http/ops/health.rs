//! `/healthz`: the process runs. `/readyz`: this node can answer introspection.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::answer;
use crate::http::endpoint::{Endpoint, Operation};
use crate::http::extract::Anyone;
use crate::http::state::State;
use crate::service::Readiness;

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Operation::get("/healthz", "healthz", "Liveness: the process runs")
            .answers::<Health>(200, "The process runs.")
            .to(healthz)
            .frequent()
            .without_options(),
        Operation::get("/readyz", "readyz", "Readiness: this node can answer")
            .describe(
                "The database is asked at most once a second, and nothing is written. `disk` is present while the \
                 database's disk refuses writes; introspection still works.",
            )
            .answers::<Readiness>(200, "The node can answer introspection, from its database or from memory.")
            .answers::<Readiness>(503, "The node cannot answer introspection.")
            .to(readyz)
            .frequent()
            .without_options(),
    ]
}

/// The answer of `/healthz`.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Always 200: a process that answers is alive.
async fn healthz(_: Anyone) -> HttpResponse {
    answer::json(StatusCode::OK, &Health { status: "ok" })
}

/// 200, or 503 with what is missing.
async fn readyz(_: Anyone, state: State) -> HttpResponse {
    let readiness = state.service.node.ready().await;
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    answer::json(status, &readiness)
}
