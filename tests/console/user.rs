//! The page of a user.

use serde_json::json;

use super::{ALICE, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App, Kind};
use crate::support::console::Visit;
use crate::support::http::Request;

fn user(app: &App, username: &str) -> serde_json::Value {
    app.list(&format!("/admin/users/?search={username}")).remove(0)
}

on_both! {
    fn a_user_is_changed_and_the_change_is_in_the_audit_log(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@alice");
        let fields = [
            ("username", "alicia"), ("email", "a@example.org"), ("first_name", "Alicia"), ("last_name", ""),
            ("groups", "billing"), ("is_staff", "true"),
        ];
        let page = visit.done("/console/users/@alice", &fields);
        assert!(page.contains("Saved.") && page.contains("<h1 dir=\"auto\">alicia</h1>"), "{page}");
        let alicia = user(&app, "alicia");
        assert_eq!((&alicia["groups"], &alicia["is_staff"], &alicia["is_superuser"]), (&json!(["billing"]), &json!(true), &json!(false)));
        let entry = app.list("/admin/audit/?action=user.update&target=alice").remove(0);
        assert_eq!((&entry["actor"], &entry["details"]["email"]), (&json!("admin"), &json!("a@example.org")));
        visit.done("/console/users/@alicia", &[("username", "alicia")]);
        let alicia = user(&app, "alicia");
        assert_eq!((&alicia["groups"], &alicia["is_staff"], &alicia["email"]), (&json!([]), &json!(false), &json!("")), "an empty field empties the value");
    }

    fn saving_an_unchanged_form_changes_nothing(db) {
        let app = with_people(App::start(db));
        // An import may store such values. A browser sends neither the line end nor the blanks back.
        app.sql("update users set username = ' al\nice ', email = 'a@b ', first_name = 'A ' where username = 'alice'");
        app.sql("insert into groups (id, name) values (901, ' night '), (902, 'a\nb')");
        app.sql("insert into user_groups (user_id, group_id) select id, 901 from users where email = 'a@b '");
        app.sql("insert into user_groups (user_id, group_id) select id, 902 from users where email = 'a@b '");
        let mut visit = Visit::by(&app, ADMIN);
        let path = "/console/users/@%20al%0Aice%20";
        visit.page(path);
        let mut fields = vec![
            ("username", "alice"), ("email", "a@b"), ("first_name", "A"), ("last_name", ""), ("groups", " night "), ("groups", "a\r\nb"),
        ];
        visit.done(path, &fields);
        assert!(app.list("/admin/audit/?action=user.update").is_empty());
        fields[3].1 = "Berg";
        fields[5] = ("new_group", "day");
        visit.done(path, &fields);
        let entry = app.list("/admin/audit/?action=user.update").remove(0);
        assert_eq!(entry["details"], json!({"last_name": "Berg", "groups": [" night ", "day"]}));
    }

    fn an_old_page_does_not_restore_rights_that_were_removed_since(db) {
        let app = with_people(App::start(db));
        app.create_user("sue", ALICE.1, &json!({"is_superuser": true, "groups": ["billing"]}));
        let mut visit = Visit::by(&app, ADMIN);
        let page = visit.page("/console/users/@sue/account");
        let (_, rest) = page.split_once("name=\"edition\" value=\"").unwrap();
        let edition = rest.split('"').next().unwrap();
        let stale = [("edition", edition), ("username", "sue"), ("email", "s@example.org"), ("groups", "billing"), ("is_staff", "true"), ("is_superuser", "true")];
        let removal = json!({"is_superuser": false, "is_staff": false, "groups": []});
        assert_eq!(app.send(Request::new("PATCH", "/admin/users/sue").token(&app.admin_token()).json(&removal)).status, 200);
        let answer = visit.post("/console/users/@sue", &stale);
        assert_eq!(answer.status, 409, "{answer:?}");
        assert!(answer.text().contains("Somebody changed this user meanwhile"), "{answer:?}");
        let sue = user(&app, "sue");
        assert_eq!((&sue["is_superuser"], &sue["groups"], &sue["email"]), (&json!(false), &json!([]), &json!("")));
        let page = visit.page("/console/users/@sue/account");
        let (_, rest) = page.split_once("name=\"edition\" value=\"").unwrap();
        let fresh = [("edition", rest.split('"').next().unwrap()), ("username", "sue"), ("email", "s@example.org")];
        visit.done("/console/users/@sue", &fresh);
        assert_eq!(user(&app, "sue")["email"], "s@example.org", "the form of a current page is saved");
    }

    fn a_change_is_not_reported_as_failed_if_its_notice_cannot_be_stored(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@alice");
        app.sql(match db {
            Kind::Postgres => "alter table sessions add check (notice is null)",
            Kind::Sqlite => "create trigger no_notice before update of notice on sessions when new.notice is not null \
                             begin select raise(abort, 'no notice'); end",
        });
        let answer = visit.post("/console/users/@alice/active", &[("is_active", "false")]);
        assert_eq!(answer.status, 303, "{answer:?}");
        assert_eq!(user(&app, "alice")["is_active"], false);
    }

    fn faults_are_shown_beside_their_fields(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@alice");
        let answer = visit.post("/console/users/@alice", &[("username", "stella"), ("email", "x"), ("first_name", "kept")]);
        assert_eq!(answer.status, 400);
        let page = answer.text();
        assert!(page.contains("A user with that username already exists.") && page.contains("value=\"kept\""), "{page}");
        assert!(page.contains("<h1 dir=\"auto\">alice</h1>") && page.contains("Enter a valid email address."), "{page}");
        assert_eq!(user(&app, "alice")["first_name"], "");
        let answer = visit.post("/console/users/@alice/password", &[("password", "alice")]);
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains("The password is too similar to the username."), "{answer:?}");
        app.login(ALICE.0, ALICE.1);
    }

    fn a_deactivated_user_is_locked_out_until_activated(db) {
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

    fn a_new_password_replaces_the_old_one(db) {
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

    fn deleting_asks_first(db) {
        let app = with_people(App::start(db));
        let key = app.login(ALICE.0, ALICE.1);
        let mut visit = Visit::by(&app, ADMIN);
        assert!(visit.page("/console/users/@alice/delete").contains("Delete alice?"));
        assert!(app.is_good(&key), "the question alone changes nothing");
        let page = visit.done("/console/users/@alice/delete", &[]);
        assert!(page.contains("alice was deleted."));
        assert!(!app.is_good(&key));
        assert_eq!(visit.get("/console/users/@alice").status, 404);
    }
}
