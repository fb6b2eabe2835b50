//! `/healthz`: the process lives. `/readyz`: this node can answer introspection.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::drf;
use crate::http::endpoint::{Endpoint, Operation};
use crate::http::extract::Anyone;
use crate::http::state::State;
use crate::service::Readiness;

/// What is served here.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Operation::get("/healthz", "healthz", "Whether the process lives")
            .answers::<Health>(200, "It does.")
            .to(healthz)
            .frequent(),
        Operation::get("/readyz", "readyz", "Whether it can serve")
            .describe(
                "The database is asked once a second at most, and nothing is written. `disk` is there while the database's \
                 disk takes no writes; introspection goes on.",
            )
            .answers::<Readiness>(200, "It can answer introspection, from its database or from memory.")
            .answers::<Readiness>(503, "It cannot.")
            .to(readyz)
            .frequent(),
    ]
}

/// That all is well.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// A word.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Always 200: whoever can answer is alive.
async fn healthz(_: Anyone) -> HttpResponse {
    drf::answer(StatusCode::OK, &Health { status: "ok" })
}

/// 200, or 503 with what is missing.
async fn readyz(_: Anyone, state: State) -> HttpResponse {
    let readiness = state.service.node.ready().await;
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    drf::answer(status, &readiness)
}
