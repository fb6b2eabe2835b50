//! `/account/`, as a browser without a script sees it, and where `/` leads.

mod each_page;
mod links;
mod pages;
mod password;
mod profile;
mod sessions;
mod sign_in;
mod start;
mod tokens;

use serde_json::json;

use crate::support::app::App;
use crate::support::console::Visit;

pub const STAFF: (&str, &str) = ("stella", "a lantern in the fog");
pub const ALICE: (&str, &str) = crate::support::calls::ALICE;
pub const NEW: &str = "another lantern in a fog";

/// Adds stella, a staff member, and alice, an ordinary user.
fn with_people(app: App) -> App {
    app.create_user(STAFF.0, STAFF.1, &json!({"is_staff": true}));
    app.create_user(ALICE.0, ALICE.1, &json!({}));
    app
}

fn sessions(app: &App) -> String {
    app.database.sql("select count(*) from sessions where kind = 'account'")
}

/// Makes a link for a password, and returns its path.
#[track_caller]
fn link(app: &App, username: &str) -> String {
    let path = format!("/admin/users/{username}/password-link");
    let answer = app.post(&path, &app.admin_token(), &json!({}));
    assert_eq!(answer.status, 200, "{answer:?}");
    let url = answer.json()["url"].as_str().unwrap().to_owned();
    url.strip_prefix(&format!("http://{}", app.addr)).unwrap().to_owned()
}

/// Whether the answer leads to the sign-in.
fn leads_to_sign_in(answer: &crate::support::http::Answer) -> bool {
    answer.status == 303 && answer.header("Location").is_some_and(|to| to.starts_with("/account/sign-in"))
}

impl Visit<'_> {
    fn is_at_home(&mut self) -> bool {
        let answer = self.get("/account/");
        assert!(answer.status == 200 || leads_to_sign_in(&answer), "{answer:?}");
        answer.status == 200
    }
}
