//! Entries of the audit log as a table, on its page and on users' pages: the rows of `console/audit_table.html`.

use super::details::{Detail, details, is_of_known_user};
use super::widgets::{Moment, user_link};
use crate::domain::audit::{Action, Entry};
use crate::service::LoginRefusal;

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

/// The row of an entry.
pub fn row(entry: Entry) -> Row {
    let is_refusal = entry.action == Action::LoginFailed.as_str();
    let action = Action::ALL.into_iter().find(|action| action.as_str() == entry.action);
    let is_about_user = ["user.", "token.", "login"].iter().any(|kind| entry.action.starts_with(kind));
    let reason = entry.details["reason"].as_str().unwrap_or_default();
    // Somebody may have tried a name that no user has, and a deleted user does not exist any more.
    let is_unknown = is_refusal && !is_of_known_user(reason);
    let may_exist = is_about_user && !is_unknown && entry.action != Action::UserDelete.as_str();
    Row {
        at: Moment(entry.at),
        target_link: may_exist.then(|| user_link(&entry.target)),
        actor_link: actor_link(&entry, is_unknown),
        is_claimed: is_claimed(&entry),
        actor: entry.actor,
        action_in_words: action.map_or_else(|| entry.action.clone(), |action| in_words(action).to_owned()),
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
pub const fn in_words(action: Action) -> &'static str {
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
