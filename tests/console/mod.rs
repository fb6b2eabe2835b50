//! `/console/`, as a browser without a script sees it.

mod activity;
mod audit;
mod bulk;
mod clients;
mod each_page;
mod explain;
mod filters;
mod forms;
mod groups;
mod nodes;
mod once;
mod overview;
mod pages;
mod rights;
mod sessions;
mod sign_in;
mod stale;
mod token;
mod token_list;
mod tokens;
mod user;
mod users;
mod words;

use serde_json::json;

use crate::support::app::App;

pub const STAFF: (&str, &str) = ("stella", "a lantern in the fog");
pub const ALICE: (&str, &str) = crate::support::calls::ALICE;

/// Adds stella, a staff member, and alice, an ordinary user.
fn with_people(app: App) -> App {
    app.create_user(STAFF.0, STAFF.1, &json!({"is_staff": true}));
    app.create_user(ALICE.0, ALICE.1, &json!({}));
    app
}
