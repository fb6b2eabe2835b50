//! `PATCH /admin/tokens/{id}` and `jeton token update`: staff move the end of a token.

use std::time::Duration;

use serde_json::{Value, json};

use crate::api::login::sliding::sliding;
use crate::on_both;
use crate::support::app::{ADMIN, App, Kind};
use crate::support::calls::PASSWORD;
use crate::support::http::{Answer, Request};

/// An app with the staff user sam and with alice; and sam's key.
fn with_sam(db: Kind) -> (App, String) {
    let app = App::start(db);
    app.alice();
    app.create_user("sam", PASSWORD, &json!({"is_staff": true}));
    let sam = app.login("sam", PASSWORD);
    (app, sam)
}

fn update(app: &App, id: &Value, key: &str, body: &Value) -> Answer {
    app.send(Request::new("PATCH", &format!("/admin/tokens/{id}")).token(key).json(body))
}

/// A named token of alice's: its id and its key.
fn named(app: &App, sam: &str) -> (Value, String) {
    let made = app.post("/admin/users/alice/tokens/", sam, &json!({"name": "n", "expires_in": "1h"})).json();
    (made["id"].clone(), made["token"].as_str().unwrap().to_owned())
}

on_both! {
    fn staff_move_the_expiry_of_a_token(db) {
        let (app, sam) = with_sam(db);
        let (id, key) = named(&app, &sam);
        let created = app.introspect(&key)["iat"].as_i64().unwrap();
        for (body, lives) in [
            (json!({"expires_in": 7200}), Some(7200)),
            (json!({"expires_in": "30m"}), Some(1800)),
            (json!({"expires_at": null}), None),
            (json!({"expires_at": "2025-06-16T15:06:40+00:00"}), Some(86_400)),
            (json!({"expires_in": null}), None),
            (json!({"expires_in": "1h"}), Some(3600)),
        ] {
            let answer = update(&app, &id, &sam, &body);
            assert_eq!(answer.status, 200, "{body}: {answer:?}");
            let names: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
            assert_eq!(names, ["id", "name", "kind", "scope", "created_at", "expires_at", "last_used_at", "last_used_by"]);
            assert_eq!(answer.json()["expires_at"].is_null(), lives.is_none(), "{body}: {answer:?}");
            let end = app.introspect(&key).get("exp").map(|end| end.as_i64().unwrap() - created);
            assert_eq!(end, lives, "at once, although the answer before was remembered: {body}");
        }
        app.clock.advance(Duration::from_hours(2));
        assert_eq!(update(&app, &id, &sam, &json!({"expires_in": "1h"})).status, 404, "it does not come back");
        assert_eq!(app.list("/admin/audit/?action=token.update").len(), 6);
    }

    fn the_end_of_a_replaced_token_is_that_of_its_grace_period(db) {
        let (app, sam) = with_sam(db);
        let old = app.login("alice", crate::support::calls::ALICE.1);
        let id = app.tokens_of("alice")[0]["id"].clone();
        assert_eq!(app.post("/admin/users/alice/regenerate?grace=10m", &sam, &json!({})).status, 200);
        let answer = update(&app, &id, &sam, &json!({"expires_in": "2h"}));
        assert_eq!(answer.status, 200, "{answer:?}");
        app.clock.advance(Duration::from_hours(1));
        assert!(app.is_good(&old));
        let answer = update(&app, &id, &sam, &json!({"expires_in": null}));
        assert_eq!((answer.status, answer.json()), (400, json!({"expires_at": ["This key was replaced by another one, so it must have an end."]})));
        assert_eq!(update(&app, &id, &sam, &json!({"expires_in": "1s"})).status, 200);
        app.clock.advance(Duration::from_secs(2));
        assert!(!app.is_good(&old));
        let entries = app.list("/admin/audit/?action=token.update");
        assert!(entries.len() == 2 && entries.iter().all(|entry| entry["details"]["grace_until"].is_string()), "{entries:?}");
    }

    fn an_expiry_before_the_new_end_of_the_grace_period_moves_too(db) {
        let app = App::with(db, &[("JETON_TOKEN_TTL", "1h")]);
        app.alice();
        let old = app.login("alice", crate::support::calls::ALICE.1);
        let (id, admin) = (app.tokens_of("alice")[0]["id"].clone(), app.admin_token());
        assert_eq!(app.post("/admin/users/alice/regenerate?grace=10m", &admin, &json!({})).status, 200);
        let now = app.introspect(&old)["iat"].as_i64().unwrap();
        assert_eq!(update(&app, &id, &admin, &json!({"expires_in": "3h"})).status, 200);
        assert_eq!(app.introspect(&old)["exp"].as_i64().unwrap() - now, 3 * 3600);
    }

    fn an_end_that_the_next_use_would_move_is_refused(db) {
        let app = sliding(db, &[]);
        let (key, admin) = (app.alice(), app.admin_token());
        let id = app.tokens_of("alice")[0]["id"].clone();
        let end = app.introspect(&key)["exp"].clone();
        let answer = update(&app, &id, &admin, &json!({"expires_in": "1h"}));
        let sentence = "Each use of this token moves its expiry (JETON_TOKEN_AUTO_REFRESH), so an earlier one does not hold. \
                        Revoke it, or replace it and give the old key a grace period.";
        assert_eq!((answer.status, answer.json()), (409, json!({"detail": sentence})));
        assert_eq!(app.introspect(&key)["exp"], end);
        for body in [json!({"expires_in": "20h"}), json!({"expires_in": null})] {
            assert_eq!(update(&app, &id, &admin, &body).status, 200, "{body}: no use moves this");
        }
        let (named_id, _) = named(&app, &admin);
        assert_eq!(update(&app, &named_id, &admin, &json!({"expires_in": "1m"})).status, 200, "uses move login tokens only");
        assert_eq!(app.post("/admin/users/alice/regenerate?grace=10h", &admin, &json!({})).status, 200);
        assert_eq!(update(&app, &id, &admin, &json!({"expires_in": "1m"})).status, 200, "no use moves a grace period");
    }

    fn faults_are_reported_and_change_nothing(db) {
        let (app, sam) = with_sam(db);
        let (id, key) = named(&app, &sam);
        let end = app.introspect(&key)["exp"].clone();
        for (body, field, message) in [
            (json!({}), "expires_in", "Send expires_at or expires_in."),
            (json!({"expires_in": "1h", "expires_at": null}), "expires_in", "Send either expires_at or expires_in, not both."),
            (json!({"expires_in": 0}), "expires_in", "Enter whole seconds, or a duration such as 12h or 90d."),
            (json!({"expires_in": true}), "expires_in", "Enter whole seconds, or a duration such as 12h or 90d."),
            (json!({"expires_in": ""}), "expires_in", "Enter whole seconds, or a duration such as 12h or 90d."),
            (json!({"expires_at": ""}), "expires_at", "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."),
            (json!({"expires_at": "soon"}), "expires_at", "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."),
            (json!({"expires_at": 5}), "expires_at", "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."),
            (json!({"expires_at": "2025-06-15T15:06:40Z"}), "expires_at", "Enter a time in the future."),
        ] {
            let answer = update(&app, &id, &sam, &body);
            assert_eq!((answer.status, answer.json()), (400, json!({field: [message]})), "{body}");
        }
        assert_eq!(app.introspect(&key)["exp"], end);
        assert!(app.list("/admin/audit/?action=token.update").is_empty());
    }

    fn only_those_who_may_revoke_a_token_may_move_its_end(db) {
        let (app, sam) = with_sam(db);
        let alice = app.login("alice", crate::support::calls::ALICE.1);
        app.admin_token();
        let id = |name: &str| app.tokens_of(name)[0]["id"].clone();
        let body = json!({"expires_in": "1h"});
        for (token, key, status) in [
            (id("alice"), &alice, 403),
            (id(ADMIN.0), &sam, 403),
            (id("sam"), &sam, 403),
            (json!(999_999), &alice, 403),
            (json!(999_999), &sam, 404),
            (id("alice"), &sam, 200),
        ] {
            assert_eq!(update(&app, &token, key, &body).status, status, "{token}");
        }
        assert_eq!(app.send(Request::new("PATCH", "/admin/tokens/1").json(&body)).status, 401);
    }

    fn a_command_moves_the_end(db) {
        let (app, sam) = with_sam(db);
        let made = app.post("/admin/users/alice/tokens/", &sam, &json!({"name": "n"})).json();
        // The command has the real time, which is later than the app's.
        let (id, key) = (made["id"].to_string(), made["token"].as_str().unwrap());
        let run = |end: &[&str]| app.binary().run(&[&["token", "update", id.as_str()], end].concat());
        let output = run(&["--no-expiry"]);
        assert_eq!((output.status, output.stderr.as_str()), (0, format!("token {id} now has no end\n").as_str()));
        let output = run(&["--expires-at", "2100-01-01T00:00:00Z"]);
        assert!(output.status == 0 && output.stderr.starts_with(&format!("token {id} now ends at 2100-01-01T00:00:00")), "{output:?}");
        app.wait_until_synced();
        assert_eq!(app.introspect(key)["exp"], 4_102_444_800_i64);
        assert_eq!(run(&["--expires-in", "90d"]).status, 0);
        for (end, words) in [
            (&["--expires-at", "2020-01-01"][..], "expires_at: Enter a time in the future."),
            (&["--expires-in", "soon"], "invalid value 'soon'"),
            (&[], "--expires-in"),
            (&["--expires-in", "1h", "--no-expiry"], "cannot be used with"),
        ] {
            let output = run(end);
            assert!(output.status != 0 && output.stderr.contains(words), "{end:?}: {output:?}");
        }
        let output = app.binary().run(&["token", "update", "999999", "--no-expiry"]);
        assert_eq!((output.status, output.stderr.trim_end()), (1, "error: there is no live token with id 999999"));
        let entries = app.list("/admin/audit/?action=token.update");
        assert!(entries.len() == 3 && entries[0]["actor"].as_str().unwrap().starts_with("cli:"), "{entries:?}");
    }
}
