//! The audit log.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use percent_encoding::utf8_percent_encode;

use super::details::{Detail, asked_at, details, is_of_known_user};
use super::form::FormFaults;
use super::listing::{Listing, Pager};
use super::page::{Frame, PageResult, html};
use super::signed_in::SignedIn;
use super::widgets::{Field, Moment, user_link};
use crate::domain::audit::{Action, Entry, Filter};
use crate::domain::time::Timestamp;
use crate::http::drf::pagination::QUOTED;
use crate::http::state::State;
use crate::service::{Faults, LoginRefusal};

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

/// An entry, as a row of a list.
pub struct Row {
    pub at: Moment,
    pub actor: String,
    pub actor_link: Option<String>,
    pub action: String,
    pub action_in_words: String,
    pub is_refusal: bool,
    /// Whether nobody has proved to be the actor.
    pub is_claimed: bool,
    pub target: String,
    pub target_link: Option<String>,
    pub address: String,
    pub details: Vec<Detail>,
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
    let filter = Filter { actor, action, target, address, contains, since, until, before_id: None };
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
    let action = Action::ALL.into_iter().find(|action| action.as_str() == entry.action);
    let is_about_user = ["user.", "token.", "login"].iter().any(|kind| entry.action.starts_with(kind));
    let reason = entry.details["reason"].as_str().unwrap_or_default();
    // Somebody may have tried a name that no user has, and a deleted user does not exist any more.
    let is_login = asked_at(&entry.details).is_none();
    let is_unknown = is_refusal && !is_of_known_user(reason);
    let may_exist = is_about_user && !is_unknown && entry.action != Action::UserDelete.as_str();
    Row {
        at: Moment(entry.at),
        target_link: may_exist.then(|| user_link(&entry.target)),
        actor_link: actor_link(&entry, is_unknown),
        is_claimed: is_claimed(&entry),
        actor: entry.actor,
        action_in_words: match action {
            Some(Action::LoginFailed) if !is_login => "password refused".into(),
            Some(action) => in_words(action).into(),
            None => entry.action.clone(),
        },
        action: entry.action,
        is_refusal,
        target: entry.target,
        address: entry.address.unwrap_or_default(),
        details: details(entry.details),
    }
}

/// The link to the page of who did something, if that is a user.
fn actor_link(entry: &Entry, is_unknown: bool) -> Option<String> {
    let is_user = !entry.actor.starts_with("client:") && !entry.actor.starts_with("cli:") && entry.actor != "system";
    (is_user && !is_unknown).then(|| user_link(&entry.actor))
}

/// Whether the actor is only the name that somebody gave, with wrong credentials.
fn is_claimed(entry: &Entry) -> bool {
    let is_refused = [Action::LoginFailed, Action::ClientFailed].iter().any(|action| action.as_str() == entry.action);
    is_refused && entry.details["reason"] != LoginRefusal::NotStaff.as_str()
}

/// An action as support says it.
const fn in_words(action: Action) -> &'static str {
    match action {
        Action::UserCreate => "user created",
        Action::UserUpdate => "user changed",
        Action::UserDelete => "user deleted",
        Action::UserPassword => "password set",
        Action::UserPasswordLink => "password link made",
        Action::TokenCreate => "token made",
        Action::TokenRevoke => "token revoked",
        Action::TokenRegenerate => "login tokens replaced",
        Action::TokenUpdate => "end of a token moved",
        Action::GroupUpdate => "group renamed",
        Action::GroupDelete => "group deleted",
        Action::ClientCreate => "client created",
        Action::ClientDelete => "client deleted",
        Action::ClientUpdate => "client changed",
        Action::ClientRotate => "client's secret replaced",
        Action::ClientFailed => "client refused",
        Action::Login => "login",
        Action::LoginFailed => "login refused",
    }
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
