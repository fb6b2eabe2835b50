//! The activity of a user, their ended tokens, and what an inactive user's page says.

use serde_json::json;

use super::{ALICE, STAFF, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::console::Visit;
use crate::support::http::Request;

/// The actions of a page of entries, in its order.
fn actions(page: &str) -> Vec<String> {
    let tags = page.split("<td data-label=\"Action\"><span class=\"tag").skip(1);
    tags.map(|tag| tag.split_once('>').unwrap().1.split('<').next().unwrap().to_owned()).collect()
}

on_both! {
    fn what_was_done_to_a_user_and_by_them_is_shown_with_reasons(db) {
        let app = with_people(App::start(db));
        app.create_user("bob", ALICE.1, &json!({}));
        app.try_login(STAFF.0, "wrong");
        app.login(STAFF.0, STAFF.1);
        let mut stella = Visit::by(&app, STAFF);
        stella.page("/console/users/@bob");
        stella.done("/console/users/@bob/active", &[("is_active", "false")]);
        let mut visit = Visit::by(&app, ADMIN);
        let page = visit.page("/console/users/@stella/activity");
        assert_eq!(actions(&page), ["user changed", "login", "login", "login refused", "user created"]);
        assert!(page.contains("wrong password") && page.contains("<a href=\"/console/users/@bob\" dir=\"auto\">bob</a>"), "{page}");
        let page = visit.page("/console/users/@stella/activity?show=logins");
        assert_eq!(actions(&page), ["login", "login", "login refused"]);
        let page = visit.page("/console/users/@stella/activity?show=changes");
        assert_eq!(actions(&page), ["user changed", "user created"]);
        app.try_login("bob", ALICE.1);
        assert!(visit.page("/console/users/@bob/activity").contains("the user is inactive"));
        app.try_login("nobody", ALICE.1);
        app.sql("update audit_log set target = 'bob' where target = 'nobody'");
        assert!(visit.page("/console/users/@bob/activity").contains("no user has this name"));
        assert_eq!(visit.get("/console/users/@nobody/activity").status, 404);
    }

    fn the_head_says_why_the_newest_login_was_refused(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        assert!(!visit.page("/console/users/@alice").contains("Last login refused"));
        app.try_login(ALICE.0, "wrong");
        let page = visit.page("/console/users/@alice");
        let (_, fact) = page.split_once("<dt>Last login refused</dt>").expect("the fact");
        assert!(fact.starts_with("<dd><a href=\"/console/users/@alice/activity?show=logins\"><time") && fact.contains("</a>: wrong password</dd>"), "{fact}");
        app.sql("insert into audit_log (at, actor, action, target, details) values ('2025-06-15 23:00:00', 'alice', 'login.failed', 'alice', '{\"reason\":\"throttled\"}')");
        assert!(visit.page("/console/users/@alice").contains("</a>: too many failed attempts before it"));
        app.login(ALICE.0, ALICE.1);
        assert!(!visit.page("/console/users/@alice").contains("Last login refused"), "a login came after it");
    }

    fn a_renamed_user_keeps_their_history_and_their_page(db) {
        let app = with_people(App::start(db));
        app.login(ALICE.0, ALICE.1);
        app.try_login(ALICE.0, "wrong");
        app.command(&["user", "deactivate", "alice"]);
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@alice/account");
        let page = visit.done("/console/users/@alice", &[("username", "alicia"), ("email", ""), ("first_name", ""), ("last_name", "")]);
        assert!(page.contains("This user is inactive</strong> since <time") && page.contains("(by <bdi>cli:"), "{page}");
        let page = visit.page("/console/users/@alicia");
        assert!(page.contains("<dt>Last login refused</dt>"), "{page}");
        let page = visit.page("/console/users/@alicia/activity");
        assert_eq!(actions(&page), ["user changed", "user changed", "login refused", "login", "user created"]);
        // The links under the former name lead to the present one, until somebody else has it.
        for part in ["", "/activity", "/account", "/tokens/1"] {
            let answer = visit.get(&format!("/console/users/@alice{part}"));
            let location = answer.header("Location");
            assert_eq!((answer.status, location), (303, Some(format!("/console/users/@alicia{part}"))), "{part}");
        }
        assert_eq!(visit.get("/console/users/@nobody").status, 404);
        assert!(Visit::new(&app).get("/console/users/@alice").header("Location").unwrap().starts_with("/console/sign-in"));
        app.create_user(ALICE.0, ALICE.1, &json!({}));
        let page = visit.page("/console/users/@alice");
        assert!(!page.contains("Last login refused") && !page.contains("inactive</span>"), "{page}");
        assert_eq!(actions(&visit.page("/console/users/@alice/activity")), ["user created"]);
        assert_eq!(actions(&visit.page("/console/users/@alicia/activity")).len(), 5);
    }

    fn a_wrong_password_in_a_form_is_no_refused_login(db) {
        let app = with_people(App::start(db));
        let mut alice = Visit::at_account(&app, ALICE);
        alice.page("/account/password");
        let wrong = [("old_password", "wrong"), ("new_password", "another lantern in a fog"), ("again", "another lantern in a fog")];
        assert_eq!(alice.post("/account/password", &wrong).status, 400);
        let mut visit = Visit::by(&app, ADMIN);
        let page = visit.page("/console/users/@alice");
        assert!(!page.contains("Last login refused"), "{page}");
        assert!(page.contains("<dt>Last password refused</dt>") && page.contains("</a>: wrong password, at /account/password</dd>"), "{page}");
        assert_eq!(actions(&visit.page("/console/users/@alice/activity")), ["password refused", "login", "user created"]);
        alice.page("/account/");
        assert_eq!(alice.post("/account/tokens", &[("name", "ci"), ("password", "wrong")]).status, 400);
        assert!(visit.page("/console/users/@alice").contains("wrong password, at /account/tokens"));
        let key = app.login(ALICE.0, ALICE.1);
        let wrong = json!({"old_password": "wrong", "new_password": "another lantern in a fog"});
        assert_eq!(app.post("/me/password", &key, &wrong).status, 400);
        assert!(visit.page("/console/users/@alice").contains("wrong password, at /me/password"));
        Visit::new(&app).sign_in_at_account(ALICE.0, "wrong");
        assert!(visit.page("/console/users/@alice").contains("<dt>Last login refused</dt>"), "a sign-in is a login");
    }

    fn activity_has_pages(db) {
        let app = with_people(App::start(db));
        let row = |number: i32| format!("('2025-06-15 10:00:00', 'alice', 'login', 'alice', '192.0.2.{}')", number % 256);
        let rows: Vec<String> = (0..1_100).map(row).collect();
        app.sql(&format!("insert into audit_log (at, actor, action, target, address) values {}", rows.join(", ")));
        let mut visit = Visit::by(&app, ADMIN);
        let page = visit.page("/console/users/@alice/activity?page=2&show=logins");
        assert!(page.contains("26–50 of more than 1000") && page.contains("show=logins&#38;page=3"), "{page}");
        assert_eq!(actions(&page).len(), 25);
        assert_eq!(visit.get("/console/users/@alice/activity?page=99").status, 404);
        assert_eq!(actions(&visit.page("/console/users/@alice/activity?show=changes")), ["user created"]);
    }

    fn ended_tokens_are_shown_with_the_reason(db) {
        let app = with_people(App::start(db));
        let old = app.login(ALICE.0, ALICE.1);
        app.name_token(&old, &json!({"name": "short", "expires_in": "1h"}));
        app.regenerate("alice");
        app.clock.advance(std::time::Duration::from_hours(2));
        let page = Visit::by(&app, ADMIN).page("/console/users/@alice");
        let (live, ended) = page.split_once("Ended tokens").unwrap();
        assert_eq!(live.matches("<td data-label=\"Id\">").count(), 1, "{live}");
        assert_eq!(ended.matches("<td data-label=\"Id\">").count(), 2, "{ended}");
        assert!(ended.contains("<td data-label=\"Why\">revoked</td>") && ended.contains("<td data-label=\"By\" dir=\"auto\">admin</td>"), "{ended}");
        assert!(ended.contains("<td data-label=\"Why\">expired</td>") && ended.contains(">short</th>"), "{ended}");
        assert!(!page.contains(&old));
    }

    fn the_token_that_ended_last_stands_first(db) {
        let app = with_people(App::start(db));
        let key = app.login(ALICE.0, ALICE.1);
        for (name, life) in [("first", "3h"), ("second", "1h"), ("third", "9d"), ("fourth", "2h")] {
            app.name_token(&key, &json!({"name": name, "expires_in": life}));
        }
        app.clock.advance(std::time::Duration::from_hours(4));
        let third = app.database.sql("select id from tokens where name = 'third'");
        assert_eq!(app.send(Request::new("DELETE", &format!("/admin/tokens/{}", third.trim())).token(&app.admin_token())).status, 204);
        let page = Visit::by(&app, ADMIN).page("/console/users/@alice");
        let (_, ended) = page.split_once("Ended tokens").unwrap();
        let names: Vec<&str> = ended.split("<th scope=\"row\" dir=\"auto\">").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
        assert_eq!(names, ["third", "first", "fourth", "second"], "{ended}");
    }

    fn ended_tokens_have_pages_of_their_own(db) {
        let app = with_people(App::start(db));
        for _ in 0..12 {
            app.login(ALICE.0, ALICE.1);
            app.regenerate("alice");
        }
        let mut visit = Visit::by(&app, ADMIN);
        let page = visit.page("/console/users/@alice");
        assert!(page.contains("1–10 of") && page.contains("href=\"/console/users/@alice?ended=2\" rel=\"next\""), "{page}");
        assert!(visit.page("/console/users/@alice?ended=2").contains("Live tokens"));
        assert_eq!(visit.get("/console/users/@alice?ended=9").status, 404);
    }

    fn an_inactive_users_tokens_do_not_look_live(db) {
        let app = with_people(App::start(db));
        app.login(ALICE.0, ALICE.1);
        let mut visit = Visit::by(&app, ADMIN);
        let off = Request::new("PATCH", "/admin/users/alice").token(&app.admin_token()).json(&json!({"is_active": false}));
        assert_eq!(app.send(off).status, 200);
        let page = visit.page("/console/users/@alice");
        assert!(page.contains("This user is inactive</strong> since <time") && page.contains("(by <bdi>admin</bdi>)"), "{page}");
        assert!(page.contains("Tokens that are not accepted now") && page.contains(">not accepted</span>"), "{page}");
        assert!(!page.contains("Live tokens"));
        let id = app.database.sql("select id from tokens where user_id = (select id from users where username = 'alice')");
        let page = visit.page(&format!("/console/users/@alice/tokens/{}", id.trim()));
        assert!(page.contains(">user inactive</span>"), "{page}");
    }
}
