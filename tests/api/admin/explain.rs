//! `/admin/explain` and `jeton token explain`: why introspection calls a token active or inactive.

use std::time::Duration;

use jeton::domain::time::Clock;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{App, Kind, TestDatabase};
use crate::support::calls::ALICE;
use crate::support::http::Request;

const UNKNOWN: &str = "0000000000000000000000000000000000000000";

/// The answer about a key that belongs to no token.
fn without_token(reason: &str) -> Value {
    json!({"active": false, "reason": reason, "at": null, "by": null, "username": null, "token": null})
}

/// An app on the real clock, which commands use too.
fn on_real_time(db: Kind, settings: &[(&str, &str)]) -> App {
    App::on(TestDatabase::new(db).into(), Clock::System, settings)
}

/// The command's standard output, which is one word, and its standard error.
#[track_caller]
fn by_command(app: &App, key: &str) -> (String, String) {
    let output = app.binary().run_with_stdin(&["token", "explain"], key);
    assert_eq!(output.status, 0, "{}", output.stderr);
    let key = key.trim();
    assert!(key.is_empty() || !format!("{}{}", output.stdout, output.stderr).contains(key), "the output shows the key");
    (output.stdout.strip_suffix('\n').unwrap().to_owned(), output.stderr)
}

on_both! {
    fn an_active_token_is_explained_with_its_row(db) {
        let app = App::with(db, &[("JETON_TOKEN_TTL", "10h")]);
        let key = app.alice();
        let listed = &app.tokens_of("alice")[0];
        let expected = json!({
            "active": true, "reason": "active", "at": null, "by": null, "username": "alice", "token": listed,
        });
        let answer = app.post("/admin/explain/", &app.admin_token(), &json!({ "token": key }));
        assert_eq!((answer.status, answer.json()), (200, expected));
        assert_eq!(answer.header("Cache-Control").as_deref(), Some("no-store"));
        assert!(!answer.text().contains(&key));
    }

    fn malformed_and_unknown_keys_are_distinguished(db) {
        let app = App::start(db);
        for text in [" ", "\u{3000}", "a\nb", "a\0b", &"x".repeat(1025)] {
            assert_eq!(app.explain(text), without_token("malformed"), "{text:?}");
        }
        let answer = app.post("/admin/explain", &app.admin_token(), &json!({"token": ""}));
        assert_eq!((answer.status, answer.json()), (400, json!({"token": ["This field may not be blank."]})));
        let upper = app.alice().to_uppercase();
        for text in [UNKNOWN, "x", "ключ", &"x".repeat(1024), &upper] {
            assert_eq!(app.explain(text), without_token("unknown"), "{text:?}");
        }
    }

    fn a_key_is_found_in_what_was_copied(db) {
        let app = App::start(db);
        let key = app.alice();
        let expected = app.explain(&key);
        assert_eq!(expected["reason"], "active");
        for text in [format!("Token {key}"), format!("{{\"token\": \"{key}\"}}"), format!("{}\n{}", &key[..9], &key[9..])] {
            assert_eq!(app.explain(&text), expected, "{text:?}");
        }
        assert_eq!(app.explain(&format!("{key}\n{}", app.admin_token())), without_token("malformed"), "two keys");
    }

    fn a_token_in_its_grace_period_is_explained_with_its_replacement(db) {
        let app = App::with(db, &[("JETON_TOKEN_TTL", "10h")]);
        let key = app.alice();
        let named = app.name_token(&key, &json!({"name": "ci"}))["token"].as_str().unwrap().to_owned();
        let replaced = |query: &str| {
            app.clock.advance(Duration::from_hours(1));
            let answer = app.post(&format!("/admin/users/alice/regenerate?grace=4h{query}"), &app.admin_token(), &json!({}));
            assert_eq!(answer.status, 200, "{answer:?}");
        };
        replaced("");
        assert_eq!(app.explain(&named)["at"], json!(null), "it was not replaced");
        replaced("&all=true");
        let facts = |key: &str| {
            let explained = app.explain(key);
            assert_eq!((&explained["active"], &explained["reason"], &explained["by"]), (&json!(true), &json!("active"), &json!("admin")));
            (explained["at"].clone(), explained["token"]["expires_at"].clone())
        };
        assert_eq!(facts(&key), (json!("2025-06-15T16:06:40.123456Z"), json!("2025-06-15T20:06:40.123456Z")));
        assert_eq!(facts(&named), (json!("2025-06-15T17:06:40.123456Z"), json!("2025-06-15T21:06:40.123456Z")));
    }

    fn an_expired_token_is_explained_with_its_expiry(db) {
        let app = App::with(db, &[("JETON_TOKEN_TTL", "10h")]);
        let key = app.alice();
        app.clock.advance(Duration::from_hours(11));
        let explained = app.explain(&key);
        assert_eq!((&explained["active"], &explained["reason"]), (&json!(false), &json!("expired")));
        assert_eq!((&explained["at"], &explained["by"]), (&json!("2025-06-16T01:06:40.123456Z"), &json!(null)));
        assert_eq!((&explained["username"], &explained["token"]["kind"]), (&json!("alice"), &json!("login")));
    }

    fn a_revoked_token_is_explained_with_time_and_actor(db) {
        let app = App::with(db, &[("JETON_TOKEN_TTL", "10h")]);
        let key = app.alice();
        app.clock.advance(Duration::from_hours(1));
        assert_eq!(app.revoke(&key).status, 200);
        app.clock.advance(Duration::from_hours(20));
        let explained = app.explain(&key);
        assert_eq!((&explained["active"], &explained["reason"]), (&json!(false), &json!("revoked")));
        assert_eq!((&explained["at"], &explained["by"]), (&json!("2025-06-15T16:06:40.123456Z"), &json!("client:demo")));
    }

    fn an_inactive_user_is_explained_with_time_and_actor(db) {
        let app = on_real_time(db, &[]);
        let key = app.alice();
        app.command(&["user", "deactivate", "alice"]);
        let explained = app.explain(&key);
        assert_eq!((&explained["active"], &explained["reason"]), (&json!(false), &json!("user_inactive")));
        let entry = &app.list("/admin/audit/?action=user.update")[0];
        assert!(entry["actor"].as_str().unwrap().starts_with("cli:"), "{entry}");
        assert_eq!((&explained["at"], &explained["by"]), (&entry["at"], &entry["actor"]));
        app.command(&["user", "activate", "alice"]);
        assert_eq!(app.explain(&key)["reason"], "active");
    }

    fn an_inactive_user_who_was_renamed_is_explained_as_before(db) {
        let app = on_real_time(db, &[]);
        let key = app.alice();
        app.command(&["user", "deactivate", "alice"]);
        let before = app.explain(&key);
        assert!(before["at"].is_string() && before["by"].is_string(), "{before}");
        app.command(&["user", "update", "alice", "--rename", "alicia"]);
        app.create_user(ALICE.0, ALICE.1, &json!({"is_active": false}));
        let after = app.explain(&key);
        assert_eq!((&after["at"], &after["by"], &after["username"]), (&before["at"], &before["by"], &json!("alicia")));
    }

    fn deactivating_an_inactive_user_again_changes_nothing(db) {
        let app = on_real_time(db, &[]);
        let key = app.alice();
        app.command(&["user", "deactivate", "alice"]);
        let explained = app.explain(&key);
        let again = app.binary().env("USER", "olga").run(&["user", "deactivate", "alice"]);
        assert_eq!(again.status, 0, "{}", again.stderr);
        assert!(explained["by"].is_string() && explained["by"] != "cli:olga", "{explained}");
        assert_eq!(app.explain(&key), explained);
    }

    fn a_user_created_inactive_is_inactive_since_the_creation(db) {
        let app = on_real_time(db, &[]);
        let made = json!({"username": "bob", "password": ALICE.1, "is_active": false});
        assert_eq!(app.post("/admin/users/", &app.admin_token(), &made).status, 201);
        let key = app.command(&["token", "create", "bob"]).split(' ').nth(2).unwrap().to_owned();
        let entry = &app.list("/admin/audit/?action=user.create&target=bob")[0];
        let explained = app.explain(&key);
        assert_eq!((&explained["reason"], &explained["by"]), (&json!("user_inactive"), &json!("admin")));
        assert_eq!(explained["at"], entry["at"]);
    }

    fn a_user_who_was_deactivated_by_sql_has_no_actor(db) {
        let app = on_real_time(db, &[]);
        let key = app.alice();
        app.command(&["user", "deactivate", "alice"]);
        app.command(&["user", "activate", "alice"]);
        app.sql("update users set is_active = false where username = 'alice'");
        let explained = app.explain(&key);
        assert_eq!(explained["reason"], "user_inactive");
        assert_eq!((&explained["at"], &explained["by"]), (&json!(null), &json!(null)));
    }

    fn a_revoked_token_of_an_inactive_user_is_revoked(db) {
        let app = on_real_time(db, &[]);
        let key = app.alice();
        app.revoke(&key);
        app.command(&["user", "deactivate", "alice"]);
        assert_eq!(app.explain(&key)["reason"], "revoked", "activating the user would not make the token valid");
    }

    fn a_missing_token_is_reported(db) {
        let app = App::start(db);
        let admin = app.admin_token();
        for (body, sentence) in [
            (json!({}), "This field is required."),
            (json!({"token": null}), "This field may not be null."),
            (json!({"token": 7}), "Not a valid string."),
            (json!({"token": [UNKNOWN]}), "Not a valid string."),
            (json!({"token": {}}), "Not a valid string."),
            (json!({"token": true}), "Not a valid string."),
        ] {
            let answer = app.post("/admin/explain", &admin, &body);
            assert_eq!((answer.status, answer.json()), (400, json!({"token": [sentence]})), "{body}");
        }
        let form = app.send(Request::new("POST", "/admin/explain").token(&admin).form(&[("token", UNKNOWN)]));
        assert_eq!(form.json(), without_token("unknown"));
    }

    fn only_staff_may_explain(db) {
        let app = App::start(db);
        let key = app.alice();
        let body = json!({ "token": key });
        assert_eq!(app.post("/admin/explain", &key, &body).status, 403);
        assert_eq!(app.send(Request::new("POST", "/admin/explain").json(&body)).status, 401);
        assert_eq!(app.get("/admin/explain", &app.admin_token()).status, 405);
    }

    fn the_command_prints_the_reason_and_never_the_key(db) {
        let app = on_real_time(db, &[("JETON_TOKEN_TTL", "10h")]);
        let key = app.alice();
        for written in [key.clone(), format!("{key}\n"), format!("{key}\r\n")] {
            let (word, more) = by_command(&app, &written);
            assert_eq!(word, "active");
            assert!(more.contains("alice"), "{more}");
        }
        for (text, word, sentence) in [
            (UNKNOWN, "unknown", "never made here, or it was deleted with its user"),
            (&UNKNOWN[1..], "unknown", "not a key of this jeton. A key that was made here has 40 characters"),
            ("", "malformed", "has 40 characters"),
            (&format!("{key}\n{key}\n"), "malformed", "two keys"),
        ] {
            let (said, more) = by_command(&app, text);
            assert!(said == word && more.contains(sentence), "{text}: {said} {more}");
        }
        let (word, more) = by_command(&app, &format!("{} {}", &key[..5], &key[5..]));
        assert!(word == "active" && more.contains("without the blanks or invisible characters"), "{more}");
        app.command(&["token", "create", "alice", "-r", "--grace", "1h"]);
        let (word, more) = by_command(&app, &key);
        assert!(word == "active" && more.contains("It was replaced by a new key at 2") && more.contains(" by cli:"), "{more}");
        assert!(more.contains(", and is accepted until 2"), "{more}");
        let key = app.login(ALICE.0, ALICE.1);
        app.command(&["user", "deactivate", "alice"]);
        let (word, more) = by_command(&app, &key);
        assert_eq!(word, "user_inactive");
        assert!(more.contains("cli:"), "{more}");
        app.command(&["user", "activate", "alice"]);
        app.revoke(&key);
        let (word, more) = by_command(&app, &key);
        assert_eq!(word, "revoked");
        assert!(more.contains("client:demo"), "{more}");
        let expired = app.login(ALICE.0, ALICE.1);
        app.sql("update tokens set expires_at = '2001-09-09 01:46:40'");
        let (word, more) = by_command(&app, &expired);
        assert_eq!(word, "expired");
        assert!(more.contains("2001-09-09T01:46:40Z"), "{more}");
    }
}
