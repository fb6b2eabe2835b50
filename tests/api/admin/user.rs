//! `GET, PATCH, DELETE /admin/users/{username}`.

use std::thread;

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{ADMIN, App, Kind};
use crate::support::calls::{ALICE, PASSWORD};
use crate::support::http::{Answer, Request, encode};

fn path(username: &str) -> String {
    // `encode` turns a blank into a plus sign, which is no blank in a path.
    format!("/admin/users/{}/", encode(username).replace('+', "%20"))
}

fn patch(app: &App, username: &str, key: &str, body: &Value) -> Answer {
    app.send(Request::new("PATCH", &path(username)).token(key).json(body))
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, sentence: &str) {
    assert_eq!((answer.status, answer.json()), (status, json!({ "detail": sentence })));
}

const DENIED: &str = "You do not have permission to perform this action.";
const LAST: &str = "The last active superuser cannot be removed.";

/// An app with the staff users `sam` and `other` and the ordinary user alice; and sam's key.
fn with_staff(db: Kind) -> (App, String) {
    let app = App::start(db);
    app.alice();
    for name in ["sam", "other"] {
        app.create_user(name, PASSWORD, &json!({"is_staff": true}));
    }
    let key = app.login("sam", PASSWORD);
    (app, key)
}

fn entries(app: &App) -> Vec<Value> {
    let all = app.list("/admin/audit/?action=user.update");
    all.into_iter().map(|entry| json!([entry["actor"], entry["target"], entry["details"]])).collect()
}

on_both! {
    fn a_user_is_found_by_name_whatever_characters_the_name_has(db) {
        let (app, sam) = with_staff(db);
        let answer = app.get(&path("alice"), &sam);
        let user = answer.json();
        let keys: Vec<_> = user.as_object().unwrap().keys().collect();
        let contract = ["id", "external_id", "username", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser",
            "groups", "date_joined", "last_login"];
        assert_eq!(answer.status, 200);
        assert_eq!(keys, contract);
        assert_eq!(app.get(path("alice").trim_end_matches('/'), &sam).json(), user);
        assert_eq!(app.send(Request::new("HEAD", &path("alice")).token(&sam)).status, 200);
        for (id, name) in ["a/b", "a b", "a%2Fb", "ü+@.-_", "a?b#c", "..", "用户", "<b>"].into_iter().enumerate() {
            app.database.sql(&format!(
                "insert into users (id, username, password, date_joined) values ({}, '{name}', '!', '2025-01-01 00:00:00')",
                5000 + id
            ));
            assert_eq!(app.get(&path(name), &sam).json()["username"], *name);
            assert_eq!(patch(&app, name, &sam, &json!({"first_name": "F"})).json()["first_name"], "F", "{name}");
            assert_eq!(app.delete(&path(name), &sam).status, 204, "{name}");
        }
    }

    fn only_staff_may_read_or_change_users_and_unknown_users_are_404(db) {
        let (app, sam) = with_staff(db);
        let alice = app.login(ALICE.0, ALICE.1);
        for method in ["GET", "PATCH", "DELETE"] {
            let request = || Request::new(method, &path("alice")).json(&json!({}));
            assert_eq!(app.send(request()).status, 401, "{method}");
            assert_refused(&app.send(request().token(&alice)), 403, DENIED);
            for nobody in ["nobody", "ALICE", "a\0b", "%FF"] {
                let request = Request::new(method, &path(nobody)).token(&sam).json(&json!({}));
                assert_refused(&app.send(request), 404, "Not found.");
            }
        }
        for method in ["PUT", "POST"] {
            let answer = app.send(Request::new(method, &path("alice")).token(&sam).json(&json!({})));
            assert_refused(&answer, 405, &format!("Method \"{method}\" not allowed."));
            assert_eq!(answer.header("Allow").as_deref(), Some("GET, PATCH, DELETE, HEAD, OPTIONS"));
        }
    }

    fn a_patch_changes_only_the_fields_that_it_names(db) {
        let (app, sam) = with_staff(db);
        let before = app.get(&path("alice"), &sam).json();
        let body = json!({"email": "alice@example.com", "first_name": "Al", "last_name": "Ice", "groups": ["ops", "billing", "ops"]});
        let answer = patch(&app, "alice", &sam, &body);
        let mut expected = before.clone();
        for (field, value) in body.as_object().unwrap() {
            expected[field] = value.clone();
        }
        expected["groups"] = json!(["billing", "ops"]);
        assert_eq!((answer.status, answer.json()), (200, expected.clone()));
        assert_eq!(app.get(&path("alice"), &sam).json(), expected);
        expected.as_object_mut().unwrap().retain(|field, _| body.get(field).is_some());
        assert_eq!(entries(&app), [json!(["sam", "alice", expected])]);

        // Values that stay equal and unknown fields are no change, so nothing is written to the audit log.
        for body in [body.clone(), json!({}), json!({"id": 9, "password": "x", "date_joined": null, "nonsense": 1})] {
            assert_eq!(patch(&app, "alice", &sam, &body).status, 200, "{body}");
        }
        assert_eq!(entries(&app).len(), 1);
        assert_eq!(patch(&app, "alice", &sam, &json!({"groups": []})).json()["groups"], json!([]));
        let form = Request::new("PATCH", &path("alice")).token(&sam).form(&[("last_name", "")]);
        let answer = app.send(form).json();
        assert_eq!((&answer["last_name"], &answer["first_name"], &answer["is_active"]), (&json!(""), &json!("Al"), &json!(true)));
    }

    fn a_missing_user_or_right_is_reported_before_faults_in_the_body(db) {
        let (app, sam) = with_staff(db);
        for (username, status) in [("nobody", 404), ("admin", 403), ("other", 403)] {
            for (method, below) in [("PATCH", ""), ("POST", "password"), ("POST", "tokens"), ("POST", "regenerate?grace=soon")] {
                let path = format!("/admin/users/{username}/{below}");
                let answer = app.send(Request::new(method, &path).token(&sam).body("application/json", "{\"email\": null,"));
                assert_eq!(answer.status, status, "{path}: {answer:?}");
            }
        }
    }

    fn faults_are_reported_by_field_and_nothing_is_changed(db) {
        let (app, sam) = with_staff(db);
        let before = app.get(&path("alice"), &sam).json();
        let no_null = "This field may not be null.";
        let name = "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.";
        for (body, faults) in [
            (json!({"username": "sam"}), json!({"username": ["A user with that username already exists."]})),
            (json!({"username": ""}), json!({"username": ["This field may not be blank."]})),
            (json!({"username": null}), json!({"username": [no_null]})),
            (json!({"email": "x", "username": "a b"}), json!({"username": [name], "email": ["Enter a valid email address."]})),
            (json!({"first_name": "x".repeat(151)}), json!({"first_name": ["Ensure this field has no more than 150 characters."]})),
            (json!({"is_active": null}), json!({"is_active": [no_null]})),
            (json!({"is_active": "perhaps", "email": "a@example.com"}), json!({"is_active": ["Must be a valid boolean."]})),
            (json!({"groups": [" "]}), json!({"groups": ["This field may not be blank."]})),
            (json!([]), json!({"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]})),
        ] {
            let answer = patch(&app, "alice", &sam, &body);
            assert_eq!((answer.status, answer.json()), (400, faults), "{body}");
        }
        assert_eq!(app.get(&path("alice"), &sam).json(), before);
        assert_eq!(entries(&app), Vec::<Value>::new());
    }

    fn all_faults_are_reported_at_once_in_the_order_of_the_fields(db) {
        let (app, sam) = with_staff(db);
        let body = json!({"groups": 1, "is_active": "x", "email": "x", "username": "a b", "first_name": null});
        let name = "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.";
        let expected = format!(
            "{{\"username\":[\"{name}\"],\"email\":[\"Enter a valid email address.\"],\
             \"first_name\":[\"This field may not be null.\"],\"is_active\":[\"Must be a valid boolean.\"],\
             \"groups\":[\"Expected a list of items but got type \\\"int\\\".\"]}}"
        );
        let answer = patch(&app, "alice", &sam, &body);
        assert_eq!((answer.status, answer.text()), (400, expected.clone()));
        let answer = app.post("/admin/users/", &sam, &body);
        let with_password = expected.replace("],\"email", "],\"password\":[\"This field is required.\"],\"email");
        assert_eq!((answer.status, answer.text()), (400, with_password));
    }

    fn callers_without_the_right_are_refused_whatever_they_sent(db) {
        let (app, sam) = with_staff(db);
        let bad = json!({"username": "", "password": "", "name": "", "is_active": "x"});
        for (method, rest) in [("PATCH", ""), ("POST", "password"), ("POST", "tokens/"), ("POST", "regenerate?grace=x")] {
            for (name, status) in [("other", 403), ("nobody", 404), ("alice", 400)] {
                let request = Request::new(method, &format!("{}{rest}", path(name))).token(&sam).json(&bad);
                assert_eq!(app.send(request).status, status, "{method} {rest} of {name}");
            }
        }
    }

    fn invalid_values_from_an_import_may_stay_unchanged(db) {
        let (app, sam) = with_staff(db);
        app.database.sql("update users set username = 'odd name', email = 'odd', first_name = 'x' where username = 'alice'");
        let whole = app.get(&path("odd name"), &sam).json();
        let mut body = whole.clone();
        body["first_name"] = json!("y");
        let answer = patch(&app, "odd name", &sam, &body);
        assert_eq!((answer.status, answer.json()), (200, body));
        assert_eq!(patch(&app, "odd name", &sam, &json!({"email": "odder"})).status, 400);
    }

    fn a_renamed_user_keeps_password_and_tokens(db) {
        let (app, sam) = with_staff(db);
        let key = app.login(ALICE.0, ALICE.1);
        assert_eq!(app.introspect(&key)["username"], "alice");
        assert_eq!(patch(&app, "alice", &sam, &json!({"username": "ａlicia"})).json()["username"], "alicia", "NFKC");
        app.wait_until_synced();
        assert_eq!(app.introspect(&key)["username"], "alicia");
        assert_eq!(app.login("alicia", ALICE.1), key);
        assert_eq!(app.get(&path("alice"), &sam).status, 404);
        let expected = [json!(["sam", "alicia", {"renamed_from": "alice"}]), json!(["sam", "alice", {"username": "alicia"}])];
        assert_eq!(entries(&app), expected, "one under either name");
    }

    fn changes_are_seen_by_introspection_at_once(db) {
        let (app, sam) = with_staff(db);
        let key = app.login(ALICE.0, ALICE.1);
        assert_eq!(app.introspect(&key)["email"], "");
        patch(&app, "alice", &sam, &json!({"email": "a@example.com", "groups": ["ops"]}));
        let seen = app.introspect(&key);
        assert_eq!((&seen["email"], &seen["groups"]), (&json!("a@example.com"), &json!(["ops"])));
        patch(&app, "alice", &sam, &json!({"is_active": false}));
        assert!(!app.is_good(&key));
        assert_eq!(app.get("/me", &key).json(), json!({"detail": "User inactive or deleted."}));
        patch(&app, "alice", &sam, &json!({"is_active": true}));
        assert!(app.is_good(&key), "as in DRF, the tokens come back with the user");
        assert_eq!(app.delete(&path("alice"), &sam).status, 204);
        assert!(!app.is_good(&key));
        assert_eq!(app.delete(&path("alice"), &sam).status, 404);
        assert_eq!(app.try_login(ALICE.0, ALICE.1).status, 400);
        let deleted = app.list("/admin/audit/?action=user.delete");
        assert_eq!(deleted.iter().map(|entry| &entry["target"]).collect::<Vec<_>>(), ["alice"]);
    }

    fn only_a_superuser_changes_staff_or_grants_staff_flags(db) {
        let (app, sam) = with_staff(db);
        for name in ["other", ADMIN.0, "sam"] {
            assert_refused(&patch(&app, name, &sam, &json!({"first_name": "x"})), 403, DENIED);
            assert_refused(&app.delete(&path(name), &sam), 403, DENIED);
        }
        for flag in ["is_staff", "is_superuser"] {
            assert_refused(&patch(&app, "alice", &sam, &json!({ flag: true })), 403, DENIED);
            assert_eq!(patch(&app, "alice", &sam, &json!({ flag: false })).status, 200, "an unchanged flag");
        }
        let admin = app.admin_token();
        let answer = patch(&app, "alice", &admin, &json!({"is_superuser": true})).json();
        assert_eq!((&answer["is_staff"], &answer["is_superuser"]), (&json!(true), &json!(true)), "superuser implies staff");
        assert_eq!(patch(&app, "alice", &admin, &json!({"is_staff": false})).json()["is_staff"], true);
        let answer = patch(&app, "alice", &admin, &json!({"is_superuser": false, "is_staff": false})).json();
        assert_eq!((&answer["is_staff"], &answer["is_superuser"]), (&json!(false), &json!(false)));
        assert_eq!(app.delete(&path("other"), &admin).status, 204);
    }

    fn the_last_active_superuser_cannot_be_removed(db) {
        let app = App::start(db);
        let admin = app.admin_token();
        let staff_only = json!({"is_superuser": false, "is_staff": true});
        for body in [json!({"is_active": false}), json!({"is_superuser": false}), staff_only] {
            assert_refused(&patch(&app, ADMIN.0, &admin, &body), 409, LAST);
        }
        assert_refused(&app.delete(&path(ADMIN.0), &admin), 409, LAST);
        app.create_user("second", PASSWORD, &json!({"is_superuser": true, "is_active": false}));
        assert_refused(&app.delete(&path(ADMIN.0), &admin), 409, LAST);
        patch(&app, "second", &admin, &json!({"is_active": true}));
        assert_eq!(patch(&app, ADMIN.0, &admin, &json!({"is_superuser": false})).status, 200);
        let second = app.login("second", PASSWORD);
        assert_refused(&app.delete(&path("second"), &second), 409, LAST);
    }

    fn two_superusers_cannot_remove_each_other_at_the_same_time(db) {
        for method in ["PATCH", "DELETE"] {
            let app = App::start(db);
            app.create_user("second", PASSWORD, &json!({"is_superuser": true}));
            let (admin, second) = (app.admin_token(), app.login("second", PASSWORD));
            let remove = |name: &str, key: &str| {
                app.send(Request::new(method, &path(name)).token(key).json(&json!({"is_superuser": false}))).status
            };
            thread::scope(|scope| {
                let one = scope.spawn(|| remove("second", &admin));
                let other = scope.spawn(|| remove(ADMIN.0, &second));
                let statuses = [one.join().unwrap(), other.join().unwrap()];
                // The slower caller has lost the rights, is deleted, or is refused because one superuser must stay.
                assert_eq!(statuses.iter().filter(|status| **status < 300).count(), 1, "{method}: {statuses:?}");
            });
            let left = "select count(*) from users where is_superuser and is_active";
            assert_eq!(app.database.sql(left), "1", "{method}");
        }
    }
}
