//! One user's page.

use serde_json::json;

use super::{ALICE, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::console::Visit;
use crate::support::http::Request;

fn user(app: &App, username: &str) -> serde_json::Value {
    app.list(&format!("/admin/users/?search={username}")).remove(0)
}

on_both! {
    fn it_is_changed_and_the_change_is_in_the_audit_log(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@alice");
        let fields = [
            ("username", "alicia"), ("email", "a@example.org"), ("first_name", "Alicia"), ("last_name", ""),
            ("groups", "billing"), ("is_staff", "true"),
        ];
        let page = visit.done("/console/users/@alice", &fields);
        assert!(page.contains("Saved.") && page.contains("<h1>alicia</h1>"), "{page}");
        let alicia = user(&app, "alicia");
        assert_eq!((&alicia["groups"], &alicia["is_staff"], &alicia["is_superuser"]), (&json!(["billing"]), &json!(true), &json!(false)));
        let entry = app.list("/admin/audit/?action=user.update").remove(0);
        assert_eq!((&entry["actor"], &entry["details"]["email"]), (&json!("admin"), &json!("a@example.org")));
        visit.done("/console/users/@alicia", &[("username", "alicia")]);
        let alicia = user(&app, "alicia");
        assert_eq!((&alicia["groups"], &alicia["is_staff"], &alicia["email"]), (&json!([]), &json!(false), &json!("")), "empty is empty");
    }

    fn a_form_of_yesterday_gives_nothing_back_that_was_taken_since(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        let admin = app.admin_token();
        let set = |fields: &serde_json::Value| {
            let request = Request::new("PATCH", "/admin/users/alice").token(&admin).json(fields);
            assert_eq!(app.send(request).status, 200);
        };
        set(&json!({"is_staff": true, "groups": ["ops"]}));
        let page = visit.page("/console/users/@alice");
        let edition = page.split("name=\"edition\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let fields = [("edition", edition.as_str()), ("username", "alice"), ("groups", "ops"), ("is_staff", "true")];
        set(&json!({"is_staff": false, "groups": []}));
        let answer = visit.post("/console/users/@alice", &fields);
        assert_eq!(answer.status, 409);
        assert!(answer.text().contains("Somebody changed this user meanwhile."), "{answer:?}");
        let alice = user(&app, "alice");
        assert_eq!((&alice["is_staff"], &alice["groups"]), (&json!(false), &json!([])));
        set(&json!({"is_staff": true, "groups": ["ops"]}));
        assert!(visit.done("/console/users/@alice", &fields).contains("Saved."), "they are as they were shown");
    }

    fn to_save_what_an_import_brought_is_not_to_change_it(db) {
        let app = with_people(App::start(db));
        app.sql("update users set first_name = ' Al  ice ', last_name = 'Two\nlines', email = 'odd' where username = 'alice'");
        app.sql("insert into groups (id, name) values (77, ' odd\ngroup ')");
        app.sql("insert into user_groups (user_id, group_id) select id, 77 from users where username = 'alice'");
        let before = user(&app, "alice");
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@alice");
        // As a browser sends back what the page shows: without line ends in a line of text.
        let fields = [
            ("username", "alice"), ("email", "odd"), ("first_name", " Al  ice "), ("last_name", "Twolines"),
            ("groups", " odd\r\ngroup "),
        ];
        assert!(visit.done("/console/users/@alice", &fields).contains("Saved."));
        assert_eq!(user(&app, "alice"), before);
        assert_eq!(app.list("/admin/audit/?action=user.update"), Vec::<serde_json::Value>::new());
    }

    fn faults_stand_beside_their_fields(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@alice");
        let answer = visit.post("/console/users/@alice", &[("username", "stella"), ("email", "x"), ("first_name", "kept")]);
        assert_eq!(answer.status, 400);
        let page = answer.text();
        assert!(page.contains("A user with that username already exists.") && page.contains("value=\"kept\""), "{page}");
        assert!(page.contains("<h1>alice</h1>") && page.contains("Enter a valid email address."), "{page}");
        assert_eq!(user(&app, "alice")["first_name"], "");
        let answer = visit.post("/console/users/@alice/password", &[("password", "alice")]);
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains("The password is too similar to the username."), "{answer:?}");
        app.login(ALICE.0, ALICE.1);
    }

    fn deactivated_they_are_locked_out_until_they_are_activated(db) {
        let app = with_people(App::start(db));
        let key = app.login(ALICE.0, ALICE.1);
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@alice");
        let page = visit.done("/console/users/@alice/active", &[("is_active", "false")]);
        assert!(page.contains("inactive</span>") && page.contains(">Activate</button>"));
        assert!(!app.is_good(&key));
        visit.done("/console/users/@alice/active", &[("is_active", "true")]);
        assert!(app.is_good(&key));
    }

    fn a_new_password_takes_the_place_of_the_old_one(db) {
        let app = with_people(App::start(db));
        let key = app.login(ALICE.0, ALICE.1);
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@alice");
        let page = visit.done("/console/users/@alice/password", &[("password", "another lantern in a fog")]);
        assert!(page.contains("The password is set."));
        assert!(!app.is_good(&key));
        assert_eq!(app.try_login(ALICE.0, ALICE.1).status, 400);
        app.login(ALICE.0, "another lantern in a fog");
    }

    fn deleting_asks_once_more(db) {
        let app = with_people(App::start(db));
        let key = app.login(ALICE.0, ALICE.1);
        let mut visit = Visit::by(&app, ADMIN);
        assert!(visit.page("/console/users/@alice/delete").contains("Delete alice?"));
        assert!(app.is_good(&key), "asked is not done");
        let page = visit.done("/console/users/@alice/delete", &[]);
        assert!(page.contains("alice was deleted."));
        assert!(!app.is_good(&key));
        assert_eq!(visit.get("/console/users/@alice").status, 404);
    }
}
