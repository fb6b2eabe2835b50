//! The audit log: every change with its actor, target, address and time; newest first.

use std::time::Duration;

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{App, CLIENT};
use crate::support::calls::ALICE;
use crate::support::http::Request;

const AT: &str = "2025-06-15T15:06:40.123456Z";

/// The newest entry of an action, which must have this actor, target and address.
#[track_caller]
fn assert_entry(app: &App, action: &str, actor: &str, target: &str, address: &Value) -> Value {
    let entries = app.list(&format!("/admin/audit/?action={action}"));
    let entry = entries.first().unwrap_or_else(|| panic!("no entry of {action}")).clone();
    let names: Vec<_> = entry.as_object().unwrap().keys().collect();
    assert_eq!(names, ["id", "at", "actor", "action", "target", "address", "details"]);
    assert_eq!((&entry["action"], &entry["actor"], &entry["target"]), (&json!(action), &json!(actor), &json!(target)));
    assert_eq!(&entry["address"], address, "{entry}");
    entry
}

fn os_user(app: &App) -> String {
    let entries = app.list("/admin/audit/?action=client.create&target=other");
    entries[0]["actor"].as_str().unwrap().to_owned()
}

on_both! {
    fn a_key_sent_as_a_name_is_not_in_the_audit_log(db) {
        let app = App::start(db);
        let key = app.admin_token();
        app.try_login(&key, "x");
        let as_a_client = Request::new("POST", "/introspect").basic(&key, "x").form(&[("token", "x")]);
        assert_eq!(app.send(as_a_client).status, 401);
        let entries = json!(app.list("/admin/audit/")).to_string();
        assert!(!entries.contains(&key), "{entries}");
        for action in ["login.failed", "client.failed"] {
            assert_eq!(app.list(&format!("/admin/audit/?action={action}"))[0]["target"], "[hidden]", "{action}");
        }
    }

    fn each_change_over_http_has_an_entry_with_the_address(db) {
        let app = App::start(db);
        let here = json!("127.0.0.1");
        let key = app.alice();
        assert_eq!(assert_entry(&app, "user.create", "admin", "alice", &here)["at"], AT);
        app.try_login(ALICE.0, "wrong");
        assert_eq!(assert_entry(&app, "login.failed", "alice", "alice", &here)["at"], AT);
        let named = app.name_token(&key, &json!({"name": "n", "scope": "a"}));
        let entry = assert_entry(&app, "token.create", "alice", "alice", &here);
        assert_eq!(entry["details"], json!({"token": named["id"], "name": "n", "scope": "a"}));
        app.clock.advance(Duration::from_secs(1));
        let new = app.regenerate("alice");
        let entry = assert_entry(&app, "token.regenerate", "admin", "alice", &here);
        assert_eq!(entry["at"], "2025-06-15T15:06:41.123456Z");
        assert_eq!((&entry["details"]["ended"], &entry["details"]["all"]), (&json!(1), &json!(false)));
        app.revoke(&new);
        assert_entry(&app, "token.revoke", "client:demo", "alice", &here);
        app.delete(&format!("/admin/tokens/{}", named["id"]), &app.admin_token());
        let entry = assert_entry(&app, "token.revoke", "admin", "alice", &here);
        assert_eq!(entry["details"], json!({"token": named["id"]}));
        let last = app.login(ALICE.0, ALICE.1);
        let logins = app.list("/admin/audit/?action=login&actor=alice");
        assert_eq!((logins.len(), &logins[0]["target"], &logins[0]["address"]), (2, &json!("alice"), &here));
        app.send(Request::new("POST", "/logout/").token(&last));
        assert_entry(&app, "token.revoke", "alice", "alice", &here);
    }

    fn each_command_has_an_entry_without_an_address(db) {
        let app = App::start(db);
        let none = json!(null);
        app.command(&["client", "create", "other"]);
        let actor = os_user(&app);
        assert!(actor.strip_prefix("cli:").is_some_and(|name| !name.is_empty()), "{actor}");
        assert_entry(&app, "client.create", &actor, "other", &none);
        app.command(&["client", "rotate", "other"]);
        assert_entry(&app, "client.rotate", &actor, "other", &none);
        app.command(&["client", "delete", "--yes", "other"]);
        assert_entry(&app, "client.delete", &actor, "other", &none);
        app.command(&["user", "create", "--no-password", "bob"]);
        assert_entry(&app, "user.create", &actor, "bob", &none);
        app.command(&["token", "create", "bob"]);
        assert_entry(&app, "token.create", &actor, "bob", &none);
        app.command(&["token", "create", "-r", "bob"]);
        assert_entry(&app, "token.regenerate", &actor, "bob", &none);
        let set = ["user", "set-password", "--password-stdin", "bob"];
        assert_eq!(app.binary().run_with_stdin(&set, ALICE.1).status, 0);
        assert_entry(&app, "user.password", &actor, "bob", &none);
        app.command(&["user", "deactivate", "bob"]);
        let entry = assert_entry(&app, "user.update", &actor, "bob", &none);
        assert_eq!(entry["details"], json!({"is_active": false}));
        app.command(&["user", "delete", "--yes", "bob"]);
        assert_entry(&app, "user.delete", &actor, "bob", &none);
    }

    fn rows_created_at_start_have_the_actor_system(db) {
        let app = App::start(db);
        for (action, target) in [("user.create", "admin"), ("client.create", "demo")] {
            assert_entry(&app, action, "system", target, &json!(null));
        }
    }

    fn every_refused_login_is_in_the_log_with_the_name_that_was_sent(db) {
        let app = App::start(db);
        let long = "x".repeat(400);
        for name in ["nobody", &long, "a\u{202e}b"] {
            assert_eq!(app.try_login(name, "wrong").status, 400);
        }
        let entries = app.list("/admin/audit/?action=login.failed");
        let names: Vec<_> = entries.iter().map(|entry| entry["target"].as_str().unwrap()).collect();
        assert_eq!(names, ["a\u{202e}b", &long[..150], "nobody"]);
        app.send(Request::new("POST", "/api-token-auth/").json(&json!({})));
        assert_eq!(app.list("/admin/audit/?action=login.failed").len(), 3, "a request without a name is not an attempt");
    }

    fn a_login_refused_at_the_token_limit_is_in_the_log(db) {
        let settings = [("JETON_TOKEN_MODE", "multiple"), ("JETON_TOKEN_LIMIT_PER_USER", "1")];
        let app = App::start(db);
        app.alice();
        let limited = app.node(&settings);
        assert_eq!(limited.try_login(ALICE.0, ALICE.1).status, 403);
        let entries = app.list("/admin/audit/?action=login.failed");
        assert_eq!(entries.len(), 1);
        assert_eq!((&entries[0]["actor"], &entries[0]["details"]), (&json!("alice"), &json!({"reason": "limit"})));
    }

    fn only_the_first_throttled_login_is_in_the_log_until_a_login_is_allowed(db) {
        let app = App::with(db, &[("JETON_LOGIN_LIMIT_USER", "2/min")]);
        app.create_user(ALICE.0, ALICE.1, &json!({}));
        let refusals = || {
            let entries = app.list("/admin/audit/?action=login.failed");
            entries.iter().map(|entry| entry["details"].to_string()).collect::<Vec<_>>()
        };
        let throttled = || assert_eq!(app.try_login(ALICE.0, ALICE.1).status, 429);
        let (wrong, over) = ("{\"reason\":\"wrong_password\"}", "{\"reason\":\"throttled\"}");
        for _ in 0..2 {
            assert_eq!(app.try_login(ALICE.0, "wrong").status, 400);
        }
        assert_eq!(refusals(), [wrong, wrong]);
        throttled();
        assert_entry(&app, "login.failed", "alice", "alice", &json!("127.0.0.1"));
        for _ in 0..20 {
            throttled();
        }
        assert_eq!(refusals(), [over, wrong, wrong]);
        app.clock.advance(Duration::from_mins(1));
        app.login(ALICE.0, ALICE.1);
        for _ in 0..2 {
            assert_eq!(app.try_login(ALICE.0, "wrong").status, 400);
        }
        throttled();
        throttled();
        assert_eq!(refusals(), [over, wrong, wrong, over, wrong, wrong]);
    }

    fn a_throttled_address_is_in_the_log_once_whatever_names_it_tries(db) {
        let app = App::with(db, &[("JETON_LOGIN_LIMIT_ADDRESS", "3/min")]);
        let key = app.admin_token();
        for number in 0..20 {
            let status = app.try_login(&format!("user{number}"), "wrong").status;
            assert_eq!(status, if number < 3 { 400 } else { 429 });
        }
        let entries = app.get("/admin/audit/?action=login.failed", &key).json();
        assert_eq!((&entries["count"], &entries["results"][0]["target"]), (&json!(4), &json!("user3")));
        assert_eq!(entries["results"][0]["details"], json!({"reason": "throttled"}));
    }

    fn a_command_that_prints_a_token_again_has_an_entry_too(db) {
        let app = App::start(db);
        app.command(&["user", "create", "--no-password", "bob"]);
        let first = app.command(&["token", "create", "bob"]);
        assert_eq!(app.command(&["token", "create", "bob"]), first);
        let entries = app.list("/admin/audit/?action=token.create");
        assert_eq!(entries.len(), 2, "{entries:?}");
        assert!(entries.iter().all(|entry| entry["target"] == "bob" && entry["actor"].as_str().unwrap().starts_with("cli:")));
        assert_eq!(entries[0]["details"], json!({}), "no token was created");
        assert!(entries[1]["details"]["token"].is_i64());
    }

    fn no_secret_is_in_any_row(db) {
        let app = App::start(db);
        let secret = app.command(&["client", "create", "other"]).trim().to_owned();
        let rotated = app.command(&["client", "rotate", "other"]).trim().to_owned();
        let first = app.alice();
        let named = app.name_token(&first, &json!({"name": "n"}))["token"].as_str().unwrap().to_owned();
        let second = app.regenerate("alice");
        app.try_login(ALICE.0, "the wrong secret");
        for key in [&first, &named, &second] {
            app.explain(key);
            app.revoke(key);
        }
        let set = ["user", "set-password", "--password-stdin", "alice"];
        assert_eq!(app.binary().run_with_stdin(&set, "a storm beyond the breakwater").status, 0);
        let rows = app.database.sql("select * from audit_log");
        assert!(rows.lines().count() > 10, "{rows}");
        let secrets = [&secret, &rotated, &first, &named, &second].map(String::as_str);
        for secret in [&secrets[..], &[ALICE.1, "the wrong secret", "breakwater", CLIENT.1, "$argon2"]].concat() {
            assert!(!rows.contains(secret), "{secret} in {rows}");
        }
    }
}
