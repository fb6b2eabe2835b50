//! Which keys a login returns after an import, in both modes, and when a running server receives the import.

use serde_json::json;

use super::{BEAS_KEY, KNOX_KEY, add_drf_token, add_knox_token, fixture, import, imported, manifest, serve, small};
use crate::commands::{PASSWORD, jeton};
use crate::support::app::{App, Kind, TestDatabase};
use crate::support::calls::ALICE;
use crate::{each_way, on_both};
use jeton::domain::time::Clock;

/// Turns Django's argon2 hashes into jeton's form, which is the PHC string without Django's prefix.
fn rewrite_argon2_hashes(target: &TestDatabase) {
    target.sql("update users set password = substr(password, 7) where password like 'argon2$argon2id$%'");
}

each_way! {
    fn a_login_returns_the_drf_key_in_single_mode(from, to) {
        let (source, target) = (fixture(from), TestDatabase::new(to));
        imported(&source, &target, &[]);
        rewrite_argon2_hashes(&target);
        let app = serve(target, &[]);
        for user in [2, 9] {
            let user = &manifest()["users"][user];
            let key = app.login(user["username"].as_str().unwrap(), user["password"].as_str().unwrap());
            assert_eq!(key, user["drf_token"].as_str().unwrap());
        }
    }
}

on_both! {
    fn in_multiple_mode_nothing_is_sealed_and_each_login_creates_a_key(db) {
        let (source, target) = (fixture(Kind::Sqlite), TestDatabase::new(db));
        let output = jeton(&target).env("JETON_TOKEN_MODE", "multiple").run(&["import", "django", "--from", &source.url]);
        assert_eq!(output.status, 0, "{output:?}");
        assert_eq!(target.sql("select count(*) from tokens where sealed is not null"), "0");
        rewrite_argon2_hashes(&target);
        let app = serve(target, &[("JETON_TOKEN_MODE", "multiple")]);
        let bob = &manifest()["users"][2];
        let key = app.login("bob", bob["password"].as_str().unwrap());
        let old = bob["drf_token"].as_str().unwrap();
        assert_ne!(key, old);
        assert!(app.is_good(&key) && app.is_good(old));
    }

    fn drf_keys_are_sealed_and_knoxs_are_not(db) {
        let (source, target) = (small(Kind::Sqlite), TestDatabase::new(db));
        add_drf_token(&source, 2, &"7".repeat(40)); // a custom token model may allow two keys per user
        imported(&source, &target, &[]);
        let rows = "select user_id, hint, sealed is not null, name is null from tokens order by user_id, hint";
        let (t, f) = if db == Kind::Sqlite { ("1", "0") } else { ("t", "f") };
        assert_eq!(target.sql(rows), format!("2|0011|{t}|{t}\n2|7777|{f}|{t}\n3|ffee|{f}|{t}"));
    }

    fn a_key_is_imported_unsealed_if_logins_return_another_key(db) {
        let (source, target) = (small(Kind::Sqlite), TestDatabase::new(db));
        imported(&source, &target, &[]);
        jeton(&target).run(&["token", "create", "ann"]);
        let ours = jeton(&target).run(&["token", "create", "ann"]).stdout;
        target.sql("update tokens set expires_at = '2026-01-01 00:00:00' where user_id = 2");
        for (user, digit) in [(1, "1"), (2, "2")] {
            add_drf_token(&source, user, &digit.repeat(40));
        }
        imported(&source, &target, &[]);
        assert_eq!(jeton(&target).run(&["token", "create", "ann"]).stdout, ours, "ann's logins still return jeton's key");
        let beas = jeton(&target).run(&["token", "create", "bea"]).stdout;
        assert_eq!(beas, format!("Generated token {} for user bea\n", "2".repeat(40)), "bea's older key has expired");
        let app = serve(target, &[]);
        assert!(app.is_good(&"1".repeat(40)) && app.is_good(&"2".repeat(40)));
    }

    fn a_running_server_receives_an_import(db) {
        let app = App::on(TestDatabase::new(db).into(), Clock::System, &[("JETON_LOGIN_SCOPE", "read")]);
        let source = small(Kind::Sqlite);
        add_knox_token(&source, 2, &"6".repeat(64), "'2076-01-01 00:00:00'");
        for key in [BEAS_KEY, KNOX_KEY] {
            assert_eq!(app.introspect(key), json!({"active": false}));
        }
        let output = jeton(&app.database).env("JETON_LOGIN_SCOPE", "read").run(&["import", "django", "--from", &source.url]);
        assert_eq!(output.status, 0, "{output:?}");
        app.wait_until_synced();
        let answer = app.introspect(BEAS_KEY);
        assert_eq!((&answer["username"], &answer["scope"]), (&json!("bea"), &json!("read")));
        assert_eq!(app.introspect(KNOX_KEY), json!({"active": false}), "cis is inactive");
        // Knox's tokens are login tokens too, so a regenerate ends them with the others.
        assert!(app.is_good(&"6".repeat(64)));
        let new = app.regenerate("bea");
        assert!(app.is_good(&new) && !app.is_good(BEAS_KEY) && !app.is_good(&"6".repeat(64)));
        app.create_user(ALICE.0, ALICE.1, &json!({}));
        assert_eq!(app.database.sql("select id from users where username = 'alice'"), "2000000001", "the id does not clash with Django's");
        // A second import does not restore a token that jeton has revoked.
        assert_eq!(import(&source, &app.database, &[]).status, 0);
        app.wait_until_synced();
        assert!(!app.is_good(BEAS_KEY) && app.is_good(&new));
    }

    fn the_password_of_an_imported_user_can_be_set(db) {
        let (source, target) = (small(Kind::Sqlite), TestDatabase::new(db));
        imported(&source, &target, &[]);
        let output = jeton(&target).run_with_stdin(&["user", "set-password", "bea", "--password-stdin"], PASSWORD);
        assert_eq!(output.status, 0, "{output:?}");
        let app = serve(target, &[]);
        assert!(!app.is_good(BEAS_KEY));
        assert_ne!(app.login("bea", PASSWORD), BEAS_KEY);
    }
}
