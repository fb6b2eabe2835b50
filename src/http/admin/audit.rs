//! `GET /admin/audit/`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::audit::Filter;
use crate::domain::time::Timestamp;
use crate::http::drf::pages::ListQuery;
use crate::http::error::HttpError;
use crate::http::{AppState, caller, drf};
use crate::service::{Faults, Rights};

/// The audit log, newest first; filters `actor`, `action`, `target`, `since`, `until`.
pub async fn list(request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, HttpError> {
    let caller = caller::caller(&request, &state).await?;
    caller.require(Rights::Staff)?;
    let query = ListQuery::of(&request)?;
    let text = |name: &str| Some(query.get(name)).filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let mut faults = Faults::default();
    let mut moment = |name: &str| {
        let text = text(name)?;
        let moment = Timestamp::parse(&text);
        if moment.is_none() {
            faults.add(name, "Enter a date/time such as 2026-11-23T08:00:00Z, or a date.");
        }
        moment
    };
    let (since, until) = (moment("since"), moment("until"));
    faults.into_result()?;
    let (actor, action, target) = (text("actor"), text("action"), text("target"));
    let filter = Filter { actor, action, target, since, until, before_id: None };
    let page = state.service.list_audit(filter, query.page, None, &caller).await?;
    Ok(drf::answer(StatusCode::OK, &query.answer(&request, &state, page)?))
}
