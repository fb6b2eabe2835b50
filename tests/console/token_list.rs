//! The page of tokens that end soon, or that nobody uses.

use std::time::Duration;

use jeton::store::MAX_LOOKED_AT;
use serde_json::json;

use super::{ALICE, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::console::Visit;
use crate::support::eventually;
use crate::support::http::Request;

const DAY: Duration = Duration::from_hours(24);

/// The names of the tokens on the page.
fn names(page: &str) -> Vec<String> {
    let cells = page.split("<td data-label=\"Token\">").skip(1);
    cells.map(|cell| cell.split_once('>').unwrap().1.split('<').next().unwrap().to_owned()).collect()
}

/// Waits until a node, which counts tokens when it starts, has this line in its metrics.
#[track_caller]
fn wait_for_metric(node: &App, line: &str) {
    let metrics = || node.send(Request::new("GET", "/metrics")).text();
    eventually(line, Duration::from_secs(30), || metrics().lines().any(|known| known == line).then_some(()));
}

/// Adds tokens of logins to alice, all used at that moment.
fn add_used(app: &App, count: u32, created: &str, used: &str) {
    let (numbers, digest) = if app.database.postgres.is_some() {
        (format!("generate_series(1, {count}) as n"), "decode(lpad(to_hex(n), 64, '0'), 'hex')")
    } else {
        let numbers = "with recursive s(n) as (select 1 union all select n + 1 from s where n <";
        (format!("({numbers} {count}) select n from s)"), "randomblob(32)")
    };
    app.sql(&format!(
        "insert into tokens (user_id, digest, hint, created_at, last_used_at) \
         select users.id, {digest}, 'many', '{created}', '{used}' from users, {numbers} where username = 'alice'"
    ));
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

    fn a_token_in_its_grace_period_ends_with_it(db) {
        let app = with_people(App::start(db));
        let admin = app.admin_token();
        for (name, days) in [("early", 3), ("grace", 60), ("both", 2), ("later", 60), ("ended", 60), ("cut", 60)] {
            let body = json!({"name": name, "expires_in": format!("{days}d")});
            assert_eq!(app.post("/admin/users/alice/tokens/", &admin, &body).status, 201);
        }
        app.clock.advance(DAY);
        let after = |days: u32| app.clock.now().after(DAY * days).naive();
        for (name, end) in [("grace", after(1)), ("both", after(4)), ("later", after(20))] {
            app.sql(&format!("update tokens set revoked_at = '{end}', grace_until = '{end}' where name = '{name}'"));
        }
        let now = app.clock.now().naive();
        app.sql(&format!("update tokens set revoked_at = '{now}', grace_until = '{now}' where name = 'ended'"));
        let (end, cut) = (after(2), after(1));
        app.sql(&format!("update tokens set revoked_at = '{cut}', grace_until = '{end}' where name = 'cut'"));
        let mut visit = Visit::by(&app, ADMIN);
        let listed = names(&visit.page("/console/tokens"));
        let mut sorted = listed.clone();
        sorted.sort();
        assert_eq!(sorted, ["both", "early", "grace"], "{listed:?}");
        assert_eq!(listed.last().unwrap(), "early", "the first one to end comes first: {listed:?}");
        assert_eq!(names(&visit.page("/console/tokens?show=month")).last().unwrap(), "later");
        wait_for_metric(&app.node(&[]), "jeton_tokens_expiring{kind=\"named\"} 3");
    }

    fn of_many_tokens_the_oldest_are_searched_and_those_that_a_count_has_found(db) {
        let app = with_people(App::start(db));
        let old = app.clock.now().before(DAY * 100).naive();
        let now = app.clock.now().naive();
        add_used(&app, MAX_LOOKED_AT + 100, &old.to_string(), &now.to_string());
        for name in ["asleep", "awake"] {
            let body = json!({"name": name});
            assert_eq!(app.post("/admin/users/alice/tokens/", &app.admin_token(), &body).status, 201);
        }
        app.sql(&format!("update tokens set created_at = '{old}' where name in ('asleep', 'awake')"));
        let mut visit = Visit::by(&app, ADMIN);
        let page = visit.page("/console/tokens?show=unused");
        assert!(names(&page).is_empty() && page.contains("None was found.") && page.contains("Of the 10,000 oldest tokens"), "{page}");
        assert_eq!(names(&visit.page("/console/tokens?show=named")).len(), 2, "named ones are few");
        // It counts when it starts.
        let other = app.node(&[]);
        wait_for_metric(&other, "jeton_tokens_unused{kind=\"named\"} 2");
        app.sql(&format!("update tokens set last_used_at = '{now}' where name = 'awake'"));
        let mut visit = Visit::by(&other, ADMIN);
        let page = visit.page("/console/tokens?show=unused");
        assert_eq!(names(&page), ["asleep"]);
        assert!(page.contains("those that were found when all were counted, <time"), "{page}");
    }

    fn of_many_tokens_that_end_soon_the_first_ones_are_searched(db) {
        let app = with_people(App::start(db));
        let old = app.clock.now().before(DAY).naive().to_string();
        add_used(&app, MAX_LOOKED_AT + 100, &old, &old);
        let end = app.clock.now().after(DAY).naive();
        app.sql(&format!("update tokens set expires_at = '{end}', revoked_at = '{old}' where hint = 'many'"));
        let body = json!({"name": "last", "expires_in": "3d"});
        assert_eq!(app.post("/admin/users/alice/tokens/", &app.admin_token(), &body).status, 201);
        let page = Visit::by(&app, ADMIN).page("/console/tokens");
        assert!(names(&page).is_empty() && page.contains("None was found."), "{page}");
        assert!(page.contains("Of the 10,000 tokens that end first, revoked ones among them."), "{page}");
        app.sql("delete from tokens where hint = 'many' and id % 2 = 0");
        let page = Visit::by(&app, ADMIN).page("/console/tokens");
        assert_eq!(names(&page), ["last"]);
        assert!(!page.contains("that end first"), "{page}");
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
