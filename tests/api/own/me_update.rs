//! `PATCH /me`: users change their own name.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::App;
use crate::support::calls::SAM;
use crate::support::http::{Answer, Request};

fn patch(app: &App, key: &str, body: &Value) -> Answer {
    app.send(Request::new("PATCH", "/me").token(key).json(body))
}

on_both! {
    fn the_answer_is_the_changed_record(db) {
        let app = App::start(db);
        let key = app.alice();
        let answer = patch(&app, &key, &json!({"first_name": " Alice ", "last_name": "Liddell"}));
        assert_eq!((answer.status, answer.headers_named("Allow")), (200, vec!["GET, PATCH, HEAD, OPTIONS".to_owned()]));
        assert_eq!(answer.headers_named("Cache-Control"), ["no-store"]);
        let me = answer.json();
        assert_eq!((&me["first_name"], &me["last_name"]), (&json!("Alice"), &json!("Liddell")));
        assert_eq!(app.get("/me", &key).json(), me, "the same record as by GET");
        let blank = app.send(Request::new("PATCH", "/me/").token(&key).form(&[("last_name", "")]));
        assert_eq!((&blank.json()["first_name"], &blank.json()["last_name"]), (&json!("Alice"), &json!("")));
        for nothing in [Request::new("PATCH", "/me"), Request::new("PATCH", "/me").json(&json!({"first_name": "Alice"}))] {
            assert_eq!(app.send(nothing.token(&key)).json(), blank.json());
        }
        let entries = app.list("/admin/audit/?action=user.update");
        let summaries: Vec<_> = entries.iter().map(|entry| (&entry["actor"], &entry["target"], &entry["details"])).collect();
        let (alice, first, second) = (json!("alice"), json!({"first_name": "Alice", "last_name": "Liddell"}), json!({"last_name": ""}));
        assert_eq!(summaries, [(&alice, &alice, &second), (&alice, &alice, &first)], "a request that changes nothing has no entry");
    }

    fn other_fields_are_ignored(db) {
        let app = App::start(db);
        let key = app.alice();
        let before = app.get("/me", &key).json();
        let all = json!({
            "id": 7, "username": "root", "email": "x@example.com", "is_active": false, "is_staff": true, "is_superuser": true,
            "groups": ["admins"], "password": "an anchor in deep water", "date_joined": null, "token": {"scope": "a"},
        });
        let answer = patch(&app, &key, &all);
        assert_eq!((answer.status, answer.json()), (200, before.clone()));
        for (fields, first, last) in [("first_name", "A", ""), ("last_name", "A", "L"), ("none", "A", "L")] {
            let node = app.node(&[("JETON_PROFILE_FIELDS", fields)]);
            let body = if fields == "none" { json!({"first_name": 7, "last_name": null}) } else { json!({"first_name": "A", "last_name": "L"}) };
            let me = patch(&node, &key, &body).json();
            assert_eq!((&me["first_name"], &me["last_name"]), (&json!(first), &json!(last)), "{fields}");
        }
        assert_eq!(app.get("/me", &key).json()["is_staff"], false);
    }

    fn faults_have_django_s_messages(db) {
        let app = App::start(db);
        let key = app.alice();
        let long = "Ensure this field has no more than 150 characters.";
        for (body, expected) in [
            (json!({"first_name": "é".repeat(151), "last_name": null}), json!({"first_name": [long], "last_name": ["This field may not be null."]})),
            (json!({"first_name": ["a"]}), json!({"first_name": ["Not a valid string."]})),
            (json!({"last_name": "a\0"}), json!({"last_name": ["Null characters are not allowed."]})),
            (json!([]), json!({"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]})),
        ] {
            let answer = patch(&app, &key, &body);
            assert_eq!((answer.status, answer.json()), (400, expected), "{body}");
        }
        assert_eq!(patch(&app, &key, &json!({"first_name": "é".repeat(150)})).status, 200);
        assert_eq!(patch(&app, "x", &json!({})).status, 401);
    }

    fn staff_change_their_own_name_too(db) {
        let app = App::start(db);
        app.create_user(SAM.0, SAM.1, &json!({"is_staff": true}));
        for key in [app.login(SAM.0, SAM.1), app.admin_token()] {
            assert_eq!(patch(&app, &key, &json!({"first_name": "S"})).json()["first_name"], "S");
        }
    }
}
