//! `GET /admin/audit/`.

use serde_json::json;

use crate::domain::audit::{Entry, Filter};
use crate::domain::time::Timestamp;
use crate::http::drf::pagination::ListQuery;
use crate::http::endpoint::{Endpoint, Operation, format, text};
use crate::http::error::Answered;
use crate::http::state::State;
use crate::service::{Faults, LoginRefusal, Staff};

const NOT_A_TIME: &str = "Enter a date/time such as 2026-11-23T08:00:00Z, or a date.";

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let refusals = LoginRefusal::ALL.map(|refusal| format!("`{}`", refusal.as_str()));
    let moment = || text().format(Some(format("date-time"))).examples([json!("2026-01-31T09:30:00Z")]);
    vec![
        Operation::get("/admin/audit/", "list_audit", "The audit log, newest first")
            .describe(format!(
                "The details of `login.failed` contain its `reason`: {}, `throttled` or `limit`.",
                refusals.join(", ")
            ))
            .query("actor", text(), "Only this actor: a username, `client:<id>`, `cli:<os user>` or `system`.")
            .query("action", text().examples([json!("token.revoke")]), "Only this action.")
            .query("target", text(), "Only this target.")
            .query("since", moment(), "At this time, or on this date, or later.")
            .query("until", moment(), "Before this time, or this date.")
            .answers_page::<Entry>("The page.")
            .refuses_bad_parameters("since", NOT_A_TIME)
            .to(list),
    ]
}

/// The audit log, newest first; filters `actor`, `action`, `target`, `since`, `until`.
async fn list(caller: Staff, query: ListQuery, state: State) -> Answered {
    let text = |name: &str| Some(query.get(name)).filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let mut faults = Faults::default();
    let mut moment = |name: &str| {
        let text = text(name)?;
        let moment = Timestamp::parse(&text);
        if moment.is_none() {
            faults.add(name, NOT_A_TIME);
        }
        moment
    };
    let (since, until) = (moment("since"), moment("until"));
    faults.into_result()?;
    let (actor, action, target) = (text("actor"), text("action"), text("target"));
    let filter = Filter { actor, action, target, since, until, ..Filter::default() };
    query.answer(&state, state.service.accounts.list_audit(filter, query.page, None, &caller).await?)
}
