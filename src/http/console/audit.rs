//! The audit log.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;

use super::form::FormFaults;
use super::listing::{Listing, Pager};
use super::page::{Frame, PageResult, html};
use super::signed_in::SignedIn;
use super::widgets::{Field, Moment, user_link};
use crate::domain::audit::{Action, Entry, Filter};
use crate::domain::time::Timestamp;
use crate::http::drf::pagination::QUOTED;
use crate::http::state::State;
use crate::service::Faults;

/// How many entries are counted at most. Beyond that the page says "more than".
const MAX_COUNTED: u32 = 10_000;

#[derive(Template)]
#[template(path = "console/audit.html")]
struct AuditPage {
    frame: Frame,
    actor: Field,
    action: String,
    actions: Vec<&'static str>,
    target: Field,
    since: Field,
    until: Field,
    is_filtered: bool,
    rows: Vec<Row>,
    pager: Pager,
}

/// An entry, as a row of a list.
pub struct Row {
    pub at: Moment,
    pub actor: String,
    pub action: String,
    pub is_refusal: bool,
    pub target: String,
    pub target_link: Option<String>,
    pub address: String,
    pub details: Vec<(String, String)>,
}

/// The entries that match the filters, newest first.
pub async fn list(signed_in: SignedIn, request: HttpRequest, state: State) -> PageResult {
    let listing = Listing::of(&request)?;
    let text = |name: &str| Some(listing.get(name)).filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let mut faults = Faults::default();
    let mut moment = |name: &str| {
        let text = text(name)?;
        let moment = Timestamp::parse(&text).map(|moment| (moment, text.len() == "2026-11-25".len()));
        if moment.is_none() {
            faults.add(name, "Enter a date such as 2026-11-25.");
        }
        moment
    };
    let (since, until) = (moment("since"), moment("until"));
    // `until` with a date includes that day.
    let until = until.map(|(moment, day)| if day { moment.after(Duration::from_hours(24)) } else { moment });
    let (actor, action, target) = (text("actor"), text("action"), text("target"));
    let filter = Filter { actor, action, target, since: since.map(|(moment, _)| moment), until, before_id: None };
    let status = if faults.fields().is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let faults = FormFaults::from(faults);
    let page = state.service.accounts.list_audit(filter, listing.page, Some(MAX_COUNTED), &signed_in.caller).await?;
    let field = |name, label| Field::text(name, label, listing.get(name)).with(&faults);
    let page = AuditPage {
        frame: signed_in.frame("Audit", "audit"),
        actor: field("actor", "Actor"),
        action: listing.get("action").to_owned(),
        actions: Action::ALL.map(Action::as_str).to_vec(),
        target: field("target", "Target"),
        since: field("since", "Since").of_kind("date").hint("UTC"),
        until: field("until", "Until").of_kind("date").hint("UTC"),
        is_filtered: ["actor", "action", "target", "since", "until"].iter().any(|name| !listing.get(name).is_empty()),
        pager: if page.count > MAX_COUNTED.into() {
            listing.pager_of_many(MAX_COUNTED, page.results.len())?
        } else {
            listing.pager(page.count)?
        },
        rows: page.results.into_iter().map(row).collect(),
    };
    Ok(html(status, &page))
}

/// The link to the entries about a user.
pub fn link_of_target(target: &str) -> String {
    format!("/console/audit?target={}", utf8_percent_encode(target, QUOTED))
}

/// The row of an entry.
pub fn row(entry: Entry) -> Row {
    let is_refusal = entry.action == Action::LoginFailed.as_str();
    let is_about_user = ["user.", "token.", "login"].iter().any(|kind| entry.action.starts_with(kind));
    // A user who was refused or deleted may not exist.
    let may_exist = is_about_user && !is_refusal && entry.action != Action::UserDelete.as_str();
    Row {
        at: Moment(entry.at),
        target_link: may_exist.then(|| user_link(&entry.target)),
        actor: entry.actor,
        action: entry.action,
        is_refusal,
        target: entry.target,
        address: entry.address.unwrap_or_default(),
        details: details(entry.details),
    }
}

fn details(details: Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let word = |value: &Value| match value {
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
        other => text(other),
    };
    match details {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), word(value))).collect(),
        other => vec![(String::new(), word(&other))],
    }
}
