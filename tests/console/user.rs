//! One user's page.

use serde_json::json;

use super::{ALICE, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::console::Visit;

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
