//! The list of users, and the form for new users.

use serde_json::json;

use super::{ALICE, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::console::Visit;

/// The usernames of a page of the list, in its order.
fn names(page: &str) -> Vec<String> {
    let links = page.split("<th scope=\"row\" dir=\"auto\"><a href=\"").skip(1);
    links.map(|link| link.split_once("\">").unwrap().1.split('<').next().unwrap().to_owned()).collect()
}

on_both! {
    fn all_users_are_listed_and_can_be_searched(db) {
        let app = with_people(App::start(db));
        app.create_user("bob", ALICE.1, &json!({"first_name": "Robert", "email": "b@example.org", "groups": ["billing"]}));
        let mut visit = Visit::by(&app, ADMIN);
        assert_eq!(names(&visit.page("/console/users")), ["stella", "alice", "bob", "admin"]);
        assert_eq!(names(&visit.page("/console/users?search=ROB+b@ex")), ["bob"]);
        assert!(visit.page("/console/users?search=rob").contains("value=\"rob\""), "the search field still has the search");
        let none = visit.page("/console/users?search=zzz");
        assert!(names(&none).is_empty() && none.contains("show all users"), "{none}");
        let page = visit.page("/console/users");
        assert!(page.contains("b@example.org") && page.contains("<span class=\"tag\" dir=\"auto\">billing</span>"));
    }

    fn lists_are_ordered(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        let page = visit.page("/console/users?search=a&ordering=username");
        assert_eq!(names(&page), ["admin", "alice", "stella"]);
        assert!(page.contains("aria-sort=\"ascending\"><a href=\"/console/users?search=a&#38;ordering=-username\">Username</a>"), "{page}");
        assert!(page.contains("name=\"ordering\" value=\"username\""), "a search has the same order");
        assert_eq!(names(&visit.page("/console/users?ordering=-username")), ["stella", "alice", "admin"]);
        assert_eq!(names(&visit.page("/console/users?ordering=date_joined")), ["stella", "alice", "admin"]);
        assert_eq!(names(&visit.page("/console/users?ordering=nonsense")), ["stella", "alice", "admin"]);
    }

    fn long_lists_have_pages(db) {
        let app = App::start(db);
        for number in 0..30 {
            app.create_user(&format!("user{number:02}"), ALICE.1, &json!({}));
        }
        let mut visit = Visit::by(&app, ADMIN);
        let first = visit.page("/console/users?search=user");
        assert_eq!(names(&first).len(), 25);
        assert!(first.contains("1–25 of 30") && first.contains("href=\"/console/users?search=user&#38;page=2\""), "{first}");
        let second = visit.page("/console/users?search=user&page=2");
        assert_eq!(names(&second), ["user25", "user26", "user27", "user28", "user29"]);
        assert!(second.contains("26–30 of 30") && second.contains("page=1\" rel=\"prev\"") && !second.contains("rel=\"next\""));
    }

    fn a_new_user_can_log_in(db) {
        let app = App::start(db);
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/new");
        let fields = [
            ("username", " bob "), ("password", ALICE.1), ("email", "b@example.org"), ("first_name", "Bob"),
            ("last_name", "B"), ("groups", "billing"), ("new_group", " reports "), ("is_staff", "true"),
        ];
        let page = visit.done("/console/users/new", &fields);
        assert!(page.contains("bob was created.") && page.contains("<h1 dir=\"auto\">bob</h1>"), "{page}");
        app.login("bob", ALICE.1);
        let bob = app.list("/admin/users/?search=bob").remove(0);
        assert_eq!((&bob["groups"], &bob["is_staff"], &bob["email"]), (&json!(["billing", "reports"]), &json!(true), &json!("b@example.org")));
        let entry = app.list("/admin/audit/?action=user.create").remove(0);
        assert_eq!((&entry["actor"], &entry["target"], &entry["address"]), (&json!("admin"), &json!("bob"), &json!("127.0.0.1")));
        let page = visit.done("/console/users/new", &[("username", "eve"), ("password", "")]);
        assert!(page.contains("<h1 dir=\"auto\">eve</h1>"));
        assert_eq!(app.try_login("eve", "").status, 400, "no password, no login");
    }

    fn all_faults_are_shown_beside_their_fields(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/new");
        let answer = visit.post("/console/users/new", &[
            ("username", "alice"), ("password", "12345"), ("email", "x"), ("first_name", &"x".repeat(151)), ("last_name", "kept"),
        ]);
        assert_eq!(answer.status, 400);
        let page = answer.text();
        for (field, words) in [
            ("username", "A user with that username already exists."),
            ("password", "This password is too short. It must contain at least 8 characters. This password is too common. This password is entirely numeric."),
            ("email", "Enter a valid email address."),
            ("first_name", "Ensure this field has no more than 150 characters."),
        ] {
            assert!(page.contains(&format!("id=\"{field}-note\"><strong class=\"fault\">{words}</strong>")), "{field}: {page}");
        }
        assert!(page.contains("value=\"kept\"") && !page.contains("12345"), "the form still has the typed values, but no password");
        assert_eq!(page.matches("aria-invalid=\"true\"").count(), 4);
    }
}
