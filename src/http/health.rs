//! `/healthz`: the process lives. `/readyz`: the database answers and its schema is current, and how the clock is.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::{AppState, drf};

/// That all is well.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// A word.
    #[schema(example = "ok")]
    status: &'static str,
}

/// That this node can serve, and how its parts are.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    /// A word.
    #[schema(example = "ok")]
    status: &'static str,
    /// `full`, when the last write failed because the database's disk is full or failing: introspection goes on, and what
    /// writes gets 503.
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<&'static str>,
    /// `ok`, or how far this node's clock is from the database's, or was set lately. Nothing is purged meanwhile.
    #[schema(example = "ok")]
    clock: String,
}

/// Always 200: whoever can answer is alive.
pub async fn healthz() -> HttpResponse {
    drf::answer(StatusCode::OK, &Health { status: "ok" })
}

/// 200, or 503 with what is missing.
pub async fn readyz(state: web::Data<AppState>) -> HttpResponse {
    if state.service.is_stopping() {
        return drf::detail(StatusCode::SERVICE_UNAVAILABLE, "This node is stopping.");
    }
    let sentence = match state.service.ready().await {
        Ok(true) => {
            let disk = state.service.disk_refuses().then_some("full");
            let clock = state.service.clock_state().to_string();
            return drf::answer(StatusCode::OK, &Ready { status: "ok", disk, clock });
        }
        Ok(false) => "The database's schema is not the one this jeton needs; run `jeton migrate`.",
        Err(error) => {
            log::warn!("not ready: {error}");
            "The database does not answer."
        }
    };
    drf::detail(StatusCode::SERVICE_UNAVAILABLE, sentence)
}
