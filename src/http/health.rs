//! `/healthz`: the process lives. `/readyz`: the database answers and its schema is current.

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
        Ok(true) => return drf::answer(StatusCode::OK, &Health { status: "ok" }),
        Ok(false) => "The database's schema is not the one this jeton needs; run `jeton migrate`.",
        Err(error) => {
            log::warn!("not ready: {error}");
            "The database does not answer."
        }
    };
    drf::detail(StatusCode::SERVICE_UNAVAILABLE, sentence)
}
