//! The reason for a refused login is in the audit log, and not in the answer.

use serde_json::{Value, json};

use super::{PASSWORD, WRONG, assert_answer};
use crate::on_both;
use crate::support::app::App;
use crate::support::console::Visit;

/// A hash with more rounds than jeton computes, one of an unknown format, and one of a format that is off by default.
const ENDLESS: &str = "pbkdf2_sha256$4000000000$salt$nz7nAD0AQhh1UqSxnd2Z9UnpZ125GixRAQu5u429lJ0=";
const UNKNOWN: &str = "rot13$x$correct horse";
const LEGACY: &str = "md5$oldsalt12chr$c6ec64b8b3957e377403f92be3ec3f10";

/// The name and the password of refused logins, and the reason.
const REFUSALS: [(&str, &str, &str); 8] = [
    ("nobody", PASSWORD, "unknown_user"),
    ("alice", "wrong", "wrong_password"),
    ("ina", PASSWORD, "inactive"),
    ("ina", "wrong", "inactive"),
    ("bare", PASSWORD, "no_password"),
    ("endless", PASSWORD, "too_costly"),
    ("unknown", PASSWORD, "no_password"),
    ("legacy", "correct horse", "no_password"),
];

fn with_users(app: App) -> App {
    app.create_user("alice", PASSWORD, &json!({}));
    app.create_user("ina", PASSWORD, &json!({"is_active": false}));
    for (name, hash) in [("bare", "!x"), ("endless", ENDLESS), ("unknown", UNKNOWN), ("legacy", LEGACY)] {
        app.create_user(name, PASSWORD, &json!({}));
        app.sql(&format!("update users set password = '{hash}' where username = '{name}'"));
    }
    app
}

/// Name and details of refused logins, the oldest first.
fn refusals(app: &App) -> Vec<(Value, Value)> {
    let mut entries = app.list("/admin/audit/?action=login.failed");
    entries.reverse();
    entries.into_iter().map(|entry| (entry["target"].clone(), entry["details"].clone())).collect()
}

on_both! {
    fn the_audit_log_says_why_and_the_answer_does_not(db) {
        let app = with_users(App::start(db));
        for (name, password, _) in REFUSALS {
            assert_answer(&app.try_login(name, password), 400, WRONG, name);
        }
        let expected = REFUSALS.map(|(name, _, reason)| (json!(name), json!({"reason": reason})));
        assert_eq!(refusals(&app), expected);
    }

    fn a_login_whose_hash_takes_too_much_memory_is_refused(db) {
        let app = App::with(db, &[("JETON_HASH_MAX_MEMORY", "4MiB")]);
        let larger = app.node(&[("JETON_HASH_MAX_MEMORY", "8MiB"), ("JETON_ARGON2_MEMORY_KIB", "8192")]);
        app.create_user("alice", PASSWORD, &json!({}));
        assert_eq!(larger.try_login("alice", PASSWORD).status, 200);
        let hash = app.database.sql("select password from users where username = 'alice'");
        assert!(hash.contains("m=8192,"), "the first successful login replaced it: {hash}");
        for password in [PASSWORD, "wrong"] {
            assert_answer(&app.try_login("alice", password), 400, WRONG, password);
        }
        let reason = || (json!("alice"), json!({"reason": "too_costly"}));
        assert_eq!(refusals(&app), [reason(), reason()]);
        assert_eq!(larger.try_login("alice", PASSWORD).status, 200);
    }

    fn the_console_s_sign_in_is_in_the_audit_log_too(db) {
        let app = with_users(App::start(db));
        let no_staff = [("alice", PASSWORD, "not_staff")];
        let mut sentences: Vec<String> = Vec::new();
        for (name, password, _) in REFUSALS.into_iter().chain(no_staff) {
            let answer = Visit::new(&app).sign_in(name, password);
            assert_eq!(answer.status, 400, "{name}");
            let text = answer.text();
            sentences.push(text.split("role=\"alert\"").nth(1).unwrap().split("</p>").next().unwrap().to_owned());
        }
        sentences.dedup();
        assert_eq!(sentences.len(), 1, "{sentences:?}");
        let expected: Vec<(Value, Value)> = REFUSALS
            .into_iter()
            .chain(no_staff)
            .map(|(name, _, reason)| (json!(name), json!({"via": "console", "reason": reason})))
            .collect();
        assert_eq!(refusals(&app), expected);
    }

    fn an_inactive_users_hash_is_not_replaced(db) {
        let app = App::start(db);
        let hash = "pbkdf2_sha256$1000$oldsalt12chr$nz7nAD0AQhh1UqSxnd2Z9UnpZ125GixRAQu5u429lJ0=";
        app.create_user("ina", PASSWORD, &json!({"is_active": false}));
        app.sql(&format!("update users set password = '{hash}' where username = 'ina'"));
        assert_answer(&app.try_login("ina", "correct horse"), 400, WRONG, "the right password");
        assert_eq!(app.sql("select password from users where username = 'ina'"), hash);
        app.sql("update users set is_active = true where username = 'ina'");
        app.login("ina", "correct horse");
        assert!(app.sql("select password from users where username = 'ina'").starts_with("$argon2id$"));
    }
}
