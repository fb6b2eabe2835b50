//! The page of tokens that end soon, or that nobody uses.

use std::time::Duration;

use serde_json::json;

use super::{ALICE, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::console::Visit;

const DAY: Duration = Duration::from_hours(24);

/// The names of the tokens on the page.
fn names(page: &str) -> Vec<String> {
    let cells = page.split("<td data-label=\"Token\">").skip(1);
    cells.map(|cell| cell.split_once('>').unwrap().1.split('<').next().unwrap().to_owned()).collect()
}

on_both! {
    fn tokens_that_end_soon_and_tokens_that_nobody_uses_are_listed(db) {
        let app = with_people(App::start(db));
        let admin = app.admin_token();
        for (user, name, days) in [("alice", "later", 20), ("alice", "soon", 5), ("stella", "first", 2), ("alice", "far", 60)] {
            let body = json!({"name": name, "expires_in": format!("{days}d")});
            assert_eq!(app.post(&format!("/admin/users/{user}/tokens/"), &admin, &body).status, 201);
        }
        let mut visit = Visit::by(&app, ADMIN);
        assert_eq!(names(&visit.page("/console/tokens")), ["first", "soon"]);
        assert_eq!(names(&visit.page("/console/tokens?show=month")), ["first", "soon", "later"]);
        assert!(visit.page("/console/tokens?show=unused").contains("There is none."));
        let page = visit.page("/console/");
        assert!(page.contains("href=\"/console/tokens\""), "{page}");

        app.sql("update users set is_active = false where username = 'stella'");
        assert_eq!(names(&visit.page("/console/tokens")), ["soon"], "an inactive user's tokens are not accepted");
        app.sql("update tokens set revoked_at = created_at where name = 'soon'");
        assert!(visit.page("/console/tokens").contains("There is none."));
    }

    fn a_token_is_unused_from_its_last_use_or_its_creation(db) {
        let app = with_people(App::start(db));
        let admin = app.admin_token();
        for name in ["never", "once"] {
            let body = json!({"name": name});
            assert_eq!(app.post("/admin/users/alice/tokens/", &admin, &body).status, 201);
        }
        app.clock.advance(DAY * 30);
        let used = app.clock.now().naive().format("%Y-%m-%d %H:%M:%S").to_string();
        app.sql(&format!("update tokens set last_used_at = '{used}' where name = 'once'"));
        app.clock.advance(DAY * 61);
        let mut visit = Visit::by(&app, ADMIN);
        let listed = names(&visit.page("/console/tokens?show=unused"));
        assert!(listed.contains(&"never".to_owned()) && !listed.contains(&"once".to_owned()), "{listed:?}");
        app.login(ALICE.0, ALICE.1);
        app.clock.advance(DAY * 91);
        let mut visit = Visit::by(&app, ADMIN);
        let listed = names(&visit.page("/console/tokens?show=unused"));
        assert!(listed.contains(&"once".to_owned()) && listed.contains(&"Login token".to_owned()), "{listed:?}");
        assert_eq!(names(&visit.page("/console/tokens?show=named")), ["never", "once"]);
    }
}
