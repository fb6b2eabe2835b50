//! `POST /me/password`: users change their own password.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{ADMIN, App, Kind};
use crate::support::calls::ALICE;
use crate::support::console::Visit;
use crate::support::http::{Answer, Request};

const NEW: &str = "an anchor in deep water";
const WRONG: &str = "Your old password was entered incorrectly. Please enter it again.";

fn change(app: &App, key: &str, old: &str, new: &str) -> Answer {
    app.post("/me/password", key, &json!({"old_password": old, "new_password": new}))
}

#[track_caller]
fn new_key(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["token"].as_str().unwrap().to_owned()
}

fn failures(app: &App) -> Vec<Value> {
    app.list("/admin/audit/?action=login.failed")
}

on_both! {
    fn a_change_revokes_every_older_login_token_and_returns_a_new_one(db) {
        for mode in ["single", "multiple"] {
            let app = App::with(db, &[("JETON_TOKEN_MODE", mode)]);
            let key = app.alice();
            let (other, named) = (app.login(ALICE.0, ALICE.1), app.name_token(&key, &json!({"name": "n"})));
            let answer = change(&app, &key, ALICE.1, NEW);
            assert_eq!(answer.headers_named("Cache-Control"), ["no-store"]);
            assert_eq!(answer.headers_named("Allow"), ["POST, OPTIONS"]);
            let new = new_key(&answer);
            assert_eq!(answer.text(), format!("{{\"token\":\"{new}\"}}"));
            assert!(!app.is_good(&key) && !app.is_good(&other) && app.is_good(&new));
            assert!(app.is_good(named["token"].as_str().unwrap()), "named tokens stay valid");
            assert_eq!(app.get("/me", &new).json()["token"]["kind"], "login");
            assert_eq!(app.try_login(ALICE.0, ALICE.1).status, 400);
            assert_eq!(app.login(ALICE.0, NEW) == new, mode == "single", "in single mode logins return the new token");
            let entries = app.list("/admin/audit/?action=user.password");
            let summaries: Vec<_> = entries.iter().map(|entry| (&entry["actor"], &entry["target"], &entry["address"])).collect();
            assert_eq!(summaries, [(&json!("alice"), &json!("alice"), &json!("127.0.0.1"))]);
            let again = new_key(&change(&app, &new, NEW, ALICE.1));
            assert!(!app.is_good(&new) && app.is_good(&again));
        }
    }

    fn the_new_token_expires_as_a_login_s_token_does(db) {
        let app = App::with(db, &[("JETON_TOKEN_TTL", "10h"), ("JETON_LOGIN_FIELDS", "user_id"), ("JETON_LOGIN_SCOPE", "a")]);
        let key = app.alice();
        app.clock.advance(Duration::from_hours(1));
        let answer = change(&app, &key, ALICE.1, NEW);
        let new = new_key(&answer);
        assert_eq!(answer.json(), json!({"expiry": "2025-06-16T02:06:40.123456Z", "token": new}));
        let introspection = app.introspect(&new);
        assert_eq!((&introspection["exp"], &introspection["scope"]), (&json!(1_750_000_000 + 11 * 3600), &json!("a")));
    }

    fn all_faults_are_reported_by_field(db) {
        let app = App::start(db);
        let key = app.alice();
        let missing = "This field is required.";
        for (body, expected) in [
            (json!({}), json!({"old_password": [missing], "new_password": [missing]})),
            (
                json!({"old_password": null, "new_password": ""}),
                json!({"old_password": ["This field may not be null."], "new_password": ["This field may not be blank."]}),
            ),
            (json!({"old_password": "wrong", "new_password": NEW}), json!({"old_password": [WRONG]})),
            (
                json!({"old_password": ALICE.1, "new_password": "alice"}),
                json!({"new_password": [
                    "The password is too similar to the username.",
                    "This password is too short. It must contain at least 8 characters.",
                    "This password is too common.",
                ]}),
            ),
            (
                json!({"old_password": "wrong", "new_password": "12345678"}),
                json!({"old_password": [WRONG], "new_password": ["This password is too common.", "This password is entirely numeric."]}),
            ),
            (json!([]), json!({"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]})),
        ] {
            let answer = app.post("/me/password", &key, &body);
            assert_eq!((answer.status, answer.json()), (400, expected), "{body}");
            assert_eq!(answer.headers_named("Cache-Control"), ["no-store"]);
        }
        let entries = failures(&app);
        assert_eq!(entries.len(), 2, "{entries:?}");
        assert!(entries.iter().all(|entry| entry["details"]["via"] == "/me/password" && entry["actor"] == "alice"), "{entries:?}");
        assert!(app.is_good(&key));
        assert_eq!(app.login(ALICE.0, ALICE.1), key);
        let form = [("old_password", ALICE.1), ("new_password", NEW)];
        assert_eq!(app.send(Request::new("POST", "/me/password/").token(&key).form(&form)).status, 200);
        assert_eq!(app.send(Request::new("POST", "/me/password").json(&json!({}))).status, 401);
        assert_eq!(app.get("/me/password", &app.admin_token()).status, 405);
    }

    fn guesses_are_limited_as_at_the_login(db) {
        let app = App::with(db, &[("JETON_LOGIN_LIMIT_USER", "2/min")]);
        let key = app.alice();
        for _ in 0..3 {
            assert_eq!(change(&app, &key, ALICE.1, "short").status, 400, "the old password is right");
        }
        assert_eq!(change(&app, &key, "wrong", NEW).status, 400);
        assert_eq!(app.try_login(ALICE.0, "wrong").status, 400);
        let throttled = change(&app, &key, ALICE.1, NEW);
        assert_eq!((throttled.status, throttled.header("Retry-After").as_deref()), (429, Some("60")));
        app.clock.advance(Duration::from_mins(1));
        new_key(&change(&app, &key, ALICE.1, NEW));
    }

    fn a_user_without_a_password_cannot_change_it(db) {
        let app = App::start(db);
        let key = app.alice();
        app.sql("update users set password = '!imported' where username = 'alice'");
        for old in [ALICE.1, "!imported", "!"] {
            let answer = change(&app, &key, old, NEW);
            assert_eq!((answer.status, answer.json()), (400, json!({"old_password": [WRONG]})));
        }
    }

    fn sessions_of_the_console_end_too(db) {
        let app = App::start(db);
        let mut visit = Visit::by(&app, ADMIN);
        assert_eq!(visit.get("/console/").status, 200);
        new_key(&change(&app, &app.admin_token(), ADMIN.1, NEW));
        assert_eq!(visit.get("/console/").status, 303);
        assert_eq!(app.try_login(ADMIN.0, ADMIN.1).status, 400);
    }

    fn of_two_simultaneous_changes_one_succeeds_and_no_old_key_survives(db) {
        for mode in ["single", "multiple"] {
            let app = App::with(db, &[("JETON_TOKEN_MODE", mode)]);
            let key = app.alice();
            let barrier = Barrier::new(4);
            let (changes, logins): (Vec<Answer>, Vec<Answer>) = thread::scope(|scope| {
                let changes: Vec<_> = ["first anchor of two", "second anchor of two"].map(|new| {
                    let (app, key, barrier) = (&app, &key, &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        change(app, key, ALICE.1, new)
                    })
                }).into();
                let logins: Vec<_> = (0..2).map(|_| scope.spawn(|| {
                    barrier.wait();
                    app.try_login(ALICE.0, ALICE.1)
                })).collect();
                (changes.into_iter().map(|one| one.join().unwrap()).collect(), logins.into_iter().map(|one| one.join().unwrap()).collect())
            });
            let mut statuses: Vec<u16> = changes.iter().map(|answer| answer.status).collect();
            statuses.sort_unstable();
            assert!(statuses == [200, 400] || statuses == [200, 401], "{changes:?}");
            let made = changes.iter().find(|answer| answer.status == 200).unwrap();
            assert!(app.is_good(&new_key(made)) && !app.is_good(&key));
            for login in logins.iter().filter(|login| login.status == 200) {
                assert!(!app.is_good(login.json()["token"].as_str().unwrap()), "the old password was used for this login");
            }
        }
    }
}

#[test]
fn a_key_that_is_revoked_during_the_request_changes_nothing() {
    let app = App::start(Kind::Postgres);
    let key = app.alice();
    let mut session = app.database.writer();
    session.run("update users set last_name = 'held' where username = 'alice';");
    let answer = thread::scope(|scope| {
        let answer = scope.spawn(|| change(&app, &key, ALICE.1, NEW));
        app.database.wait_for_blocked(1);
        session.run("update tokens set revoked_at = '2025-06-15 15:06:40'; commit;");
        answer.join().unwrap()
    });
    assert_eq!((answer.status, answer.json()), (401, json!({"detail": "Invalid token."})));
    app.login(ALICE.0, ALICE.1);
    assert_eq!(failures(&app).len(), 0);
}
