//! The audit log.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use percent_encoding::utf8_percent_encode;

use super::audit_table::{Row, in_words, row};
use super::form::FormFaults;
use super::frame::Frame;
use super::listing::{Listing, Pager};
use super::page::{PageResult, html};
use super::signed_in::SignedIn;
use super::widgets::Field;
use crate::domain::audit::{Action, Filter};
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
    actions: Vec<(&'static str, &'static str)>,
    target: Field,
    address: Field,
    contains: Field,
    /// The hidden fields of the script, which knows the reader's time zone.
    zones: Vec<(&'static str, String)>,
    /// Whether only the newest entries were searched.
    is_searched: bool,
    since: Field,
    until: Field,
    is_filtered: bool,
    rows: Vec<Row>,
    pager: Pager,
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
    let zoned = |(moment, is_day): (Timestamp, bool), name: &str| {
        if is_day { before_utc(moment, zone_minutes(listing.get(name))) } else { moment }
    };
    let since = since.map(|since| zoned(since, "since_zone"));
    // `until` with a date includes that day.
    let until = until.map(|(moment, is_day)| {
        let moment = if is_day { moment.after(Duration::from_hours(24)) } else { moment };
        zoned((moment, is_day), "until_zone")
    });
    let (actor, action, target) = (text("actor"), text("action"), text("target"));
    let (address, contains) = (text("address"), text("contains"));
    let filter =
        Filter { actor, action, target, address, contains, since, until, before_id: None, may_be_by_time: true };
    let status = if faults.fields().is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let faults = FormFaults::from(faults);
    let page = state.service.accounts.list_audit(filter, listing.page, Some(MAX_COUNTED), &signed_in.caller).await?;
    let field = |name, label| Field::text(name, label, listing.get(name)).with(&faults);
    let page = AuditPage {
        frame: signed_in.frame("Audit", "audit"),
        actor: field("actor", "Actor").hint("who did it"),
        action: listing.get("action").to_owned(),
        actions: Action::ALL.map(|action| (action.as_str(), in_words(action))).to_vec(),
        target: field("target", "Target").hint("a user, client or group"),
        address: field("address", "Address"),
        contains: field("contains", "Part of a name").hint("in actor or target"),
        zones: ["since_zone", "until_zone"].map(|name| (name, listing.get(name).to_owned())).to_vec(),
        is_searched: !listing.get("address").is_empty() || !listing.get("contains").is_empty(),
        since: field("since", "Since").of_kind("date").hint("UTC"),
        until: field("until", "Until").of_kind("date").hint("UTC"),
        is_filtered: ["actor", "action", "target", "address", "contains", "since", "until"]
            .iter()
            .any(|name| !listing.get(name).is_empty()),
        pager: listing.pager_counting(&page, MAX_COUNTED)?,
        rows: page.results.into_iter().map(row).collect(),
    };
    Ok(html(status, &page))
}

/// The link to the entries about a user.
pub fn link_of_target(target: &str) -> String {
    format!("/console/audit?target={}", utf8_percent_encode(target, QUOTED))
}

/// How many minutes a time zone is ahead of UTC; 0 for text that no time zone has.
fn zone_minutes(text: &str) -> i64 {
    text.parse().ok().filter(|minutes| (-16 * 60..=16 * 60).contains(minutes)).unwrap_or(0)
}

/// The moment at which a clock that is this many minutes ahead of UTC shows what a clock of UTC shows at `moment`.
fn before_utc(moment: Timestamp, minutes: i64) -> Timestamp {
    let span = Duration::from_mins(minutes.unsigned_abs());
    if minutes < 0 { moment.after(span) } else { moment.before(span) }
}
