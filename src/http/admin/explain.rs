//! `POST /admin/explain`: why introspection says what it says.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::http::drf::body;
use crate::http::drf::fields::Fields;
use crate::http::error::HttpError;
use crate::http::{AppState, caller, drf};
use crate::service::Rights;

/// Explains the `token` of the body.
pub async fn explain(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let caller = caller::caller(&request, &state).await?;
    caller.require(Rights::Staff)?;
    let body = body::read_known(&request, payload, body::MAX_BODY).await?;
    let data = body::parse(&request, body)?;
    let mut fields = Fields::of(&data)?;
    let token = fields.any_text("token");
    fields.finish()?;
    Ok(drf::secret_answer(StatusCode::OK, &state.service.explain(&token, &caller).await?))
}
