//! `POST /tokens/`: the tokens that users may create. A stolen key alone creates nothing, and users cannot extend their
//! rights.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{ADMIN, App, Kind};
use crate::support::calls::{ALICE, MICRO, SAM, short_of};
use crate::support::http::Answer;

const WRONG: &str = "Your password was entered incorrectly. Please enter it again.";

fn wrong() -> Value {
    json!({ "password": [WRONG] })
}

/// Checks that the limit of tokens refused the request, with Knox's message.
#[track_caller]
fn assert_full(answer: &Answer) {
    let body = json!({"error": "Maximum amount of tokens allowed per user exceeded."});
    assert_eq!((answer.status, answer.json()), (403, body));
}

fn named_count(app: &App) -> String {
    app.database.sql("select count(*) from tokens where name is not null")
}

on_both! {
    fn creating_a_token_needs_the_user_s_password(db) {
        let app = App::start(db);
        let key = app.alice();
        let missing = "This field is required.";
        for (body, expected) in [
            (json!({"name": "n"}), json!({"password": [missing]})),
            (json!({}), json!({"name": [missing], "password": [missing]})),
            (json!({"name": "n", "password": null}), json!({"password": ["This field may not be null."]})),
            (json!({"name": "n", "password": ""}), json!({"password": ["This field may not be blank."]})),
            (json!({"name": "n", "password": "wrong"}), wrong()),
            (json!({"name": "n", "password": format!(" {}", ALICE.1)}), wrong()),
            (json!({"name": "n", "password": ADMIN.1}), wrong()),
        ] {
            let answer = app.post("/tokens/", &key, &body);
            assert_eq!((answer.status, answer.json()), (400, expected), "{body}");
        }
        assert_eq!(named_count(&app), "0");
        let refusals = app.list("/admin/audit/?action=login.failed");
        assert_eq!(refusals.len(), 3, "{refusals:?}");
        for entry in refusals {
            assert_eq!((&entry["actor"], &entry["target"], &entry["address"]), (&json!("alice"), &json!("alice"), &json!("127.0.0.1")));
            assert_eq!(entry["details"]["via"], "/tokens/");
        }
        app.name_token(&key, &json!({"name": "n"}));
    }

    fn guesses_are_limited_as_at_the_login(db) {
        let app = App::with(db, &[("JETON_LOGIN_LIMIT_USER", "3/min")]);
        let key = app.alice();
        let create = |password: &str| app.post("/tokens/", &key, &json!({"name": "n", "password": password}));
        for _ in 0..5 {
            assert_eq!(create(ALICE.1).status, 201, "successful requests do not count");
            assert_eq!(app.post("/tokens/", &key, &json!({"name": ""})).status, 400, "other faults do not count either");
        }
        assert_eq!(app.try_login(ALICE.0, "wrong").status, 400);
        assert_eq!(create("wrong").status, 400);
        assert_eq!(create("wrong").status, 400);
        let throttled = create(ALICE.1);
        let sentence = json!({"detail": "Request was throttled. Expected available in 60 seconds."});
        assert_eq!((throttled.status, throttled.json()), (429, sentence));
        assert_eq!(throttled.header("Retry-After").as_deref(), Some("60"));
        assert_eq!(app.try_login(ALICE.0, ALICE.1).status, 429, "logins and new tokens share one limit");
        assert_eq!(named_count(&app), "5");
        app.clock.advance(Duration::from_mins(1));
        assert_eq!(create(ALICE.1).status, 201);
    }

    fn users_can_give_only_the_scopes_of_the_setting(db) {
        let no_choice = |scopes: &[&str]| {
            let sentences: Vec<String> = scopes.iter().map(|scope| format!("\"{scope}\" is not a valid choice.")).collect();
            json!({ "scope": sentences })
        };
        let app = App::with(db, &[("JETON_USER_SCOPES", "")]);
        let key = app.alice();
        for (scope, refused) in [
            ("reports:read billing:write admin", &["reports:read", "billing:write", "admin"][..]),
            ("jeton:admin", &["jeton:admin"]),
        ] {
            let answer = app.try_name_token(&key, &json!({"name": "n", "scope": scope}));
            assert_eq!((answer.status, answer.json()), (400, no_choice(refused)));
        }
        app.name_token(&key, &json!({"name": "n", "scope": ""}));

        let node = app.node(&[("JETON_USER_SCOPES", ""), ("JETON_LOGIN_SCOPE", "mail reports:read")]);
        node.name_token(&key, &json!({"name": "n", "scope": "reports:read mail"}));
        let answer = node.try_name_token(&key, &json!({"name": "n", "scope": "mail mails Mail"}));
        assert_eq!((answer.status, answer.json()), (400, no_choice(&["mails", "Mail"])));

        let node = app.node(&[("JETON_USER_SCOPES", "none"), ("JETON_LOGIN_SCOPE", "mail")]);
        assert_eq!(node.try_name_token(&key, &json!({"name": "n", "scope": "mail"})).json(), no_choice(&["mail"]));

        let node = app.node(&[("JETON_USER_SCOPES", "photos"), ("JETON_LOGIN_SCOPE", "mail")]);
        assert_eq!(node.try_name_token(&key, &json!({"name": "n", "scope": "mail"})).json(), no_choice(&["mail"]));
        node.name_token(&key, &json!({"name": "n", "scope": "photos"}));

        app.create_user(SAM.0, SAM.1, &json!({"is_staff": true}));
        for staff in [app.admin_token(), app.login(SAM.0, SAM.1)] {
            let made = app.name_token(&staff, &json!({"name": "n", "scope": "jeton:admin billing:write"}));
            assert_eq!(app.get("/admin/users/", made["token"].as_str().unwrap()).status, 200);
        }
    }

    fn users_can_create_only_as_many_live_tokens_as_the_setting_allows(db) {
        let app = App::with(db, &[("JETON_NAMED_TOKENS_PER_USER", "2")]);
        let key = app.alice();
        app.post("/admin/users/alice/tokens/", &app.admin_token(), &json!({"name": "by staff"}));
        app.command(&["token", "create", "alice", "--name", "by command"]);
        let first = app.name_token(&key, &json!({"name": "n"}));
        app.name_token(&key, &json!({"name": "brief", "expires_in": 10}));
        assert_full(&app.try_name_token(&key, &json!({"name": "n"})));
        assert_eq!(app.post("/tokens/", &key, &json!({"name": "n", "password": "wrong"})).json(), wrong(), "the password is checked first");
        app.name_token(&app.admin_token(), &json!({"name": "another's"}));
        assert_eq!(app.delete(&format!("/tokens/{}", first["id"]), &key).status, 204);
        app.name_token(&key, &json!({"name": "n"}));
        app.clock.advance(short_of(Duration::from_secs(10)));
        assert_full(&app.try_name_token(&key, &json!({"name": "n"})));
        app.clock.advance(MICRO);
        app.name_token(&key, &json!({"name": "n"}));
        assert_full(&app.try_name_token(&key, &json!({"name": "n"})));
        assert_eq!(app.list("/admin/audit/?action=login.failed").len(), 1, "reaching the limit is not a failed login");
        assert_eq!(app.post("/admin/users/alice/tokens/", &app.admin_token(), &json!({"name": "m"})).status, 201);
        let node = app.node(&[("JETON_NAMED_TOKENS_PER_USER", "none")]);
        node.name_token(&key, &json!({"name": "n"}));
    }

    fn the_default_limit_is_fifty_also_for_simultaneous_requests(db) {
        let app = App::with(db, &[("JETON_LOGIN_QUEUE", "128")]);
        let key = app.alice();
        for _ in 0..40 {
            app.name_token(&key, &json!({"name": "n"}));
        }
        let barrier = Barrier::new(20);
        let statuses: Vec<u16> = thread::scope(|scope| {
            let create = || {
                barrier.wait();
                app.try_name_token(&key, &json!({"name": "n"})).status
            };
            let threads: Vec<_> = (0..20).map(|_| scope.spawn(create)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let of = |status: u16| statuses.iter().filter(|other| **other == status).count();
        assert_eq!((of(201), of(403), named_count(&app)), (10, 10, "50".to_owned()), "{statuses:?}");
    }

    fn no_token_lives_longer_than_the_setting_allows(db) {
        let app = App::with(db, &[("JETON_NAMED_TOKEN_MAX_TTL", "90d")]);
        let key = app.alice();
        for (lifetime, sentence) in [
            (json!("91d"), "Ensure this value is less than or equal to 90d."),
            (json!(90 * 86_400 + 1), "Ensure this value is less than or equal to 90d."),
            (json!(null), "This field is required."),
            (json!(""), "Enter whole seconds, or a duration such as 12h or 90d."),
        ] {
            let answer = app.try_name_token(&key, &json!({"name": "n", "expires_in": lifetime}));
            assert_eq!((answer.status, answer.json()), (400, json!({"expires_in": [sentence]})), "{lifetime}");
        }
        let answer = app.try_name_token(&key, &json!({"name": "n"}));
        assert_eq!((answer.status, answer.json()), (400, json!({"expires_in": ["This field is required."]})));
        assert_eq!(named_count(&app), "0");
        app.name_token(&key, &json!({"name": "n", "expires_in": "90d"}));
        let by_staff = app.post("/admin/users/alice/tokens/", &app.admin_token(), &json!({"name": "m"}));
        assert_eq!((by_staff.status, &by_staff.json()["expires_at"]), (201, &json!(null)), "staff may create a token without an expiry");
    }

    fn users_without_a_password_cannot_create_tokens(db) {
        let app = App::start(db);
        app.create_user("ina", ALICE.1, &json!({}));
        let key = app.login("ina", ALICE.1);
        app.sql("update users set password = '!imported' where username = 'ina'");
        let answer = app.try_name_token(&key, &json!({"name": "n"}));
        assert_eq!((answer.status, answer.json()), (400, wrong()));
    }

    fn a_hash_that_is_replaced_meanwhile_does_not_prevent_the_creation(db) {
        let app = App::with(db, &[("JETON_TOKEN_MODE", "multiple")]);
        let key = app.alice();
        let costlier = app.node(&[("JETON_TOKEN_MODE", "multiple"), ("JETON_ARGON2_ITERATIONS", "2")]);
        costlier.name_token(&key, &json!({"name": "n"}));
        assert!(app.sql("select password from users where username = 'alice'").contains("t=2"));
        app.name_token(&key, &json!({"name": "n"}));
    }
}

#[test]
fn a_password_that_is_changed_during_the_request_is_refused() {
    let app = App::start(Kind::Postgres);
    let key = app.alice();
    for change in ["is_active = false", "password = '!'"] {
        let mut session = app.database.writer();
        session.run(&format!("update users set {change} where username = 'alice';"));
        let answer = thread::scope(|scope| {
            let answer = scope.spawn(|| app.try_name_token(&key, &json!({"name": "n"})));
            app.database.wait_for_blocked(1);
            session.run("commit;");
            answer.join().unwrap()
        });
        assert!(answer.json() == wrong() || answer.status == 401, "{answer:?}");
        app.sql("update users set is_active = true");
    }
    assert_eq!(named_count(&app), "0");
}
