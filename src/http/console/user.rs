//! What the parts of a user's page have in common: who it is, their state, links between the parts.

use actix_web::HttpResponse;
use askama::Template;
use askama::filters::HtmlSafe;

use super::details;
use super::page::{PageResult, Refusal, see_other};
use super::signed_in::SignedIn;
use super::widgets::{Moment, MomentOr, moment_or, user_link};
use crate::domain::audit::Action;
use crate::domain::profile::ProfileField;
use crate::domain::user::User;
use crate::http::state::AppState;
use crate::service::Error;

/// A part of a user's page. Each has a URL of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Tokens,
    Activity,
    Account,
}

/// The head of each part.
#[derive(Template)]
#[template(path = "console/user_head.html")]
pub struct UserHead {
    part: Part,
    form_token: String,
    pub link: String,
    pub may_change: bool,
    profile: Vec<(&'static str, String)>,
    joined: Moment,
    last_login: MomentOr,
    deactivated: Option<Deactivated>,
    refused: Option<RefusedLogin>,
    pub user: User,
}

impl HtmlSafe for UserHead {}

/// The newest login of a user, or the newest change for which they had to give their password, if it was refused.
struct RefusedLogin {
    what: &'static str,
    at: Moment,
    why: String,
}

/// Since when a user is inactive, as far as is known, and by whom.
struct Deactivated {
    at: Option<Moment>,
    by: Option<String>,
}

impl UserHead {
    /// The head of a user's page.
    pub async fn of(user: User, part: Part, signed_in: &SignedIn, state: &AppState) -> Result<Self, Error> {
        let deactivated = if user.is_active {
            None
        } else {
            let entry = state.service.accounts.last_deactivation(&user, &signed_in.caller).await?;
            let (at, by) = entry.map(|entry| (Moment(entry.at), entry.actor)).unzip();
            Some(Deactivated { at, by })
        };
        let attempt = state.service.accounts.last_login_attempt(&user, &signed_in.caller).await?;
        let refused = attempt.filter(|entry| entry.action == Action::LoginFailed.as_str()).and_then(|entry| {
            let reason = details::reason(entry.details["reason"].as_str()?)?;
            let (what, why) = match details::asked_at(&entry.details) {
                Some(place) => ("Last password refused", format!("{reason}, at {place}")),
                None => ("Last login refused", reason.to_owned()),
            };
            Some(RefusedLogin { what, at: Moment(entry.at), why })
        });
        Ok(Self {
            part,
            form_token: signed_in.form_token(),
            link: user_link(&user.username),
            may_change: signed_in.caller.require_power_over(&user).is_ok(),
            profile: profile(&user),
            joined: Moment(user.date_joined),
            last_login: moment_or(user.last_login, "never"),
            deactivated,
            refused,
            user,
        })
    }
}

/// The user of a page. The page of a name that nobody has any more leads to that of the user who had it last, if they
/// were renamed; `part` is the rest of its path.
pub async fn shown_user(state: &AppState, signed_in: &SignedIn, username: &str, part: &str) -> Result<User, Refusal> {
    let accounts = &state.service.accounts;
    match accounts.user(username, &signed_in.caller).await {
        Err(Error::NotFound) => {
            let Some(name) = accounts.present_name(username, &signed_in.caller).await? else {
                return Err(Refusal::not_found());
            };
            let user = accounts.user(&name, &signed_in.caller).await?;
            Err(Refusal::Moved(format!("{}{part}", user_link(&user.username))))
        }
        other => Ok(other?),
    }
}

/// The profile as the page shows it: the full name, and the other fields that are not empty.
fn profile(user: &User) -> Vec<(&'static str, String)> {
    let others = ProfileField::ALL
        .into_iter()
        .filter(|field| !matches!(field, ProfileField::FirstName | ProfileField::LastName));
    let others = others.map(|field| (field.label(), user.profile.get(field).clone()));
    let shown = std::iter::once(("Name", user.profile.full_name())).chain(others);
    shown.filter(|(_, text)| !text.is_empty()).collect()
}

/// Redirects to a user's page with a notice.
pub async fn to_user_page(state: &AppState, signed_in: &SignedIn, username: &str, notice: &str) -> PageResult {
    signed_in.notify(state, notice).await;
    Ok::<HttpResponse, _>(see_other(&user_link(username)))
}
