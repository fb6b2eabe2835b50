//! The part of a user's page with their activity: what was done to them and by them, logins, and refusals with reasons.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::audit::link_of_target;
use super::audit_table::{Row, row};
use super::frame::Frame;
use super::listing::{Listing, Pager};
use super::page::{PageResult, html};
use super::signed_in::SignedIn;
use super::user::{Part, UserHead};
use crate::domain::audit::ActivityKind;
use crate::http::state::State;

/// How many entries are found at most; the audit log has all of them.
const MAX_FOUND: u32 = 1_000;

/// The kinds that the page can show: the word in the URL, and the label.
const KINDS: [(ActivityKind, &str, &str); 3] = [
    (ActivityKind::All, "", "Everything"),
    (ActivityKind::Logins, "logins", "Logins"),
    (ActivityKind::Changes, "changes", "Changes"),
];

#[derive(Template)]
#[template(path = "console/activity.html")]
struct ActivityPage {
    frame: Frame,
    head: UserHead,
    kinds: Vec<KindLink>,
    audit_link: String,
    rows: Vec<Row>,
    pager: Pager,
}

struct KindLink {
    link: String,
    label: &'static str,
    is_shown: bool,
}

/// The entries, newest first.
pub async fn list(signed_in: SignedIn, request: HttpRequest, username: web::Path<String>, state: State) -> PageResult {
    let user = state.service.accounts.user(&username, &signed_in.caller).await?;
    let listing = Listing::of(&request)?;
    let wanted = listing.get("show");
    let (kind, ..) = KINDS.into_iter().find(|(_, word, _)| *word == wanted).unwrap_or(KINDS[0]);
    let page = state.service.accounts.list_activity(&user, kind, listing.page, MAX_FOUND, &signed_in.caller).await?;
    let link = |(known, word, label)| KindLink { link: listing.link("show", word), label, is_shown: known == kind };
    let page = ActivityPage {
        frame: signed_in.frame(&user.username, "users"),
        kinds: KINDS.into_iter().map(link).collect(),
        audit_link: link_of_target(&user.username),
        pager: listing.pager_counting(&page, MAX_FOUND)?,
        rows: page.results.into_iter().map(row).collect(),
        head: UserHead::of(user, Part::Activity, &signed_in, &state).await?,
    };
    Ok(html(StatusCode::OK, &page))
}
