//! `POST /admin/users/{username}/password`.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::calls::{ALICE, SAM};
use crate::support::http::{Answer, Request};

const NEW: &str = " two grey herons ";

fn set(app: &App, username: &str, key: &str, body: &Value) -> Answer {
    app.post(&format!("/admin/users/{username}/password"), key, body)
}

on_both! {
    fn a_new_password_replaces_the_old_one_and_revokes_login_tokens(db) {
        let app = App::start(db);
        let login = app.alice();
        let named = app.name_token(&login, &json!({"name": "ci"}))["token"].as_str().unwrap().to_owned();
        app.create_user(SAM.0, SAM.1, &json!({"is_staff": true}));
        let sam = app.login(SAM.0, SAM.1);
        assert!(app.is_good(&login));
        let answer = set(&app, "alice", &sam, &json!({"password": NEW}));
        assert_eq!((answer.status, answer.body.len()), (204, 0));
        assert!(!app.is_good(&login));
        assert!(app.is_good(&named), "named tokens stay valid");
        assert_eq!(app.try_login(ALICE.0, ALICE.1).status, 400);
        assert_eq!(app.try_login(ALICE.0, NEW.trim()).status, 400, "blanks around a password count");
        assert_ne!(app.login(ALICE.0, NEW), login);
        let entries = app.list("/admin/audit/?action=user.password");
        let summaries: Vec<_> = entries.iter().map(|entry| json!([entry["actor"], entry["target"], entry["details"]])).collect();
        assert_eq!(summaries, [json!(["sam", "alice", {}])]);
    }

    fn weak_passwords_are_refused_with_djangos_messages(db) {
        let app = App::start(db);
        app.alice();
        let admin = app.admin_token();
        let short = "This password is too short. It must contain at least 8 characters.";
        let common = "This password is too common.";
        let digits = "This password is entirely numeric.";
        for (body, faults) in [
            (json!({}), json!(["This field is required."])),
            (json!({"password": ""}), json!(["This field may not be blank."])),
            (json!({"password": null}), json!(["This field may not be null."])),
            (json!({"password": true}), json!(["Not a valid string."])),
            (json!({"password": "1234"}), json!([short, common, digits])),
            (json!({"password": "alice2000"}), json!(["The password is too similar to the username."])),
            (json!({"password": "a\0bcdefghij"}), json!(["Null characters are not allowed."])),
            (json!({"password": "x".repeat(4097)}), json!(["This password is too long. It must contain at most 4096 bytes."])),
        ] {
            let answer = set(&app, "alice", &admin, &body);
            assert_eq!((answer.status, answer.json()), (400, json!({ "password": faults })), "{body}");
        }
        app.login(ALICE.0, ALICE.1);
    }

    fn who_may_set_a_password(db) {
        let app = App::start(db);
        let alice = app.alice();
        for name in [SAM.0, "other"] {
            app.create_user(name, SAM.1, &json!({"is_staff": true}));
        }
        let (sam, body) = (app.login(SAM.0, SAM.1), json!({"password": NEW}));
        for (name, key, status) in [
            ("alice", alice.as_str(), 403), ("other", &sam, 403), (ADMIN.0, &sam, 403), ("sam", &sam, 403),
            ("nobody", &sam, 404), ("other", &app.admin_token(), 204),
        ] {
            assert_eq!(set(&app, name, key, &body).status, status, "{name}");
        }
        assert_eq!(app.send(Request::new("POST", "/admin/users/alice/password").json(&body)).status, 401);
        assert_eq!(app.get("/admin/users/alice/password", &sam).status, 405);
        app.login("other", NEW);
    }
}
