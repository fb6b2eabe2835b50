//! `/healthz`: the process lives. `/readyz`: this node can answer introspection.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::{AppState, drf};

/// That all is well.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// A word.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Always 200: whoever can answer is alive.
pub async fn healthz() -> HttpResponse {
    drf::answer(StatusCode::OK, &Health { status: "ok" })
}

/// 200, or 503 with what is missing.
pub async fn readyz(state: web::Data<AppState>) -> HttpResponse {
    let readiness = state.service.ready().await;
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    drf::answer(status, &readiness)
}
