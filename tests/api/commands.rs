//! Changes that commands make to users and tokens take effect at a server on the same database.

use std::time::Duration;

use jeton::domain::time::Clock;
use serde_json::json;

use crate::on_both;
use crate::support::app::{App, Kind, TestDatabase};
use crate::support::calls::ALICE;
use crate::support::eventually;

struct Keys {
    login: String,
    named: String,
}

/// An app on the real clock, which commands use, with alice, her login token and a named one.
fn with_alice(db: Kind) -> (App, Keys) {
    let app = App::on(TestDatabase::new(db).into(), Clock::System, &[]);
    let login = app.alice();
    let named = app.name_token(&login, &json!({"name": "n"}))["token"].as_str().unwrap().to_owned();
    (app, Keys { login, named })
}

on_both! {
    fn tokens_of_a_deactivated_user_are_inactive_and_come_back_with_them(db) {
        let (app, keys) = with_alice(db);
        app.command(&["user", "deactivate", "alice"]);
        assert!(!app.is_good(&keys.login) && !app.is_good(&keys.named));
        assert_eq!(app.get("/me", &keys.login).json(), json!({"detail": "User inactive or deleted."}));
        let refused = app.try_login(ALICE.0, ALICE.1);
        let wrong = json!({"non_field_errors": ["Unable to log in with provided credentials."]});
        assert_eq!((refused.status, refused.json()), (400, wrong));
        app.command(&["user", "activate", "alice"]);
        assert!(app.is_good(&keys.login) && app.is_good(&keys.named));
        assert_eq!(app.login(ALICE.0, ALICE.1), keys.login);
    }

    fn tokens_of_a_deleted_user_are_deleted(db) {
        let (app, keys) = with_alice(db);
        app.command(&["user", "delete", "--yes", "alice"]);
        assert!(!app.is_good(&keys.login) && !app.is_good(&keys.named));
        assert_eq!(app.get("/me", &keys.login).json(), json!({"detail": "Invalid token."}));
        assert_eq!(app.explain(&keys.login)["reason"], "unknown");
        app.create_user(ALICE.0, ALICE.1, &json!({}));
        assert!(!app.is_good(&keys.login), "the old key does not belong to a new user of the same name");
    }

    fn setting_a_password_revokes_login_tokens_and_leaves_named_ones(db) {
        let (app, keys) = with_alice(db);
        let new = "a storm beyond the breakwater";
        let set = app.binary().run_with_stdin(&["user", "set-password", "--password-stdin", "alice"], new);
        assert_eq!(set.status, 0, "{}", set.stderr);
        app.wait_until_synced();
        assert!(!app.is_good(&keys.login));
        assert!(app.is_good(&keys.named));
        let explained = app.explain(&keys.login);
        assert_eq!(explained["reason"], "revoked");
        assert!(explained["by"].as_str().unwrap().starts_with("cli:"), "{explained}");
        assert_eq!(app.try_login(ALICE.0, ALICE.1).status, 400);
        assert_ne!(app.login(ALICE.0, new), keys.login);
    }

    fn setting_a_password_ends_a_grace_too(db) {
        let (app, keys) = with_alice(db);
        app.post("/admin/users/alice/regenerate?grace=1h", &app.admin_token(), &json!({}));
        assert!(app.is_good(&keys.login));
        let set = ["user", "set-password", "--password-stdin", "alice"];
        assert_eq!(app.binary().run_with_stdin(&set, "a storm beyond the breakwater").status, 0);
        app.wait_until_synced();
        assert!(!app.is_good(&keys.login));
    }

    fn a_weak_password_changes_nothing(db) {
        let (app, keys) = with_alice(db);
        let set = app.binary().run_with_stdin(&["user", "set-password", "--password-stdin", "alice"], "12345");
        assert_eq!(set.status, 1, "{}", set.stderr);
        assert!(app.is_good(&keys.login));
        assert_eq!(app.login(ALICE.0, ALICE.1), keys.login);
        assert_eq!(app.list("/admin/audit/?action=user.password").len(), 0);
    }

    fn token_create_prints_drfs_line_and_the_key_of_the_login(db) {
        let (app, keys) = with_alice(db);
        let line = |key: &str| format!("Generated token {key} for user alice\n");
        assert_eq!(app.command(&["token", "create", "alice"]), line(&keys.login));
        for flag in ["-r", "--regenerate", "--reset"] {
            let old = app.login(ALICE.0, ALICE.1);
            let printed = app.command(&["token", "create", flag, "alice"]);
            assert!(!app.is_good(&old), "{flag}");
            assert_eq!(printed, line(&app.login(ALICE.0, ALICE.1)));
        }
        let printed = app.command(&["token", "create", "alice", "--name", "ci", "--scope", "a b", "--expires-in", "90d"]);
        let key = printed.split(' ').nth(2).unwrap();
        assert_eq!(printed, line(key));
        let answer = app.introspect(key);
        assert_eq!(answer["scope"], "a b");
        assert_eq!(answer["exp"].as_i64().unwrap() - answer["iat"].as_i64().unwrap(), 90 * 86_400);
        let nobody = app.binary().run(&["token", "create", "nobody"]);
        assert_eq!((nobody.status, nobody.stdout.as_str()), (1, ""));
        let sentence = "Cannot create the Token: user nobody does not exist";
        assert!(nobody.stderr.contains(sentence), "{}", nobody.stderr);
    }

    fn token_list_and_revoke_use_ids(db) {
        let (app, keys) = with_alice(db);
        // The server may write the time of a use between the two.
        eventually("the same objects as in the admin API", Duration::from_secs(10), || {
            let listed: serde_json::Value =
                serde_json::from_str(&app.command(&["token", "list", "alice", "--json"])).unwrap();
            let mut tokens = app.tokens_of("alice");
            for token in &mut tokens {
                token["username"] = json!("alice");
            }
            (listed == json!(tokens)).then_some(())
        });
        let id = app.introspect(&keys.named)["jti"].as_str().unwrap().to_owned();
        app.command(&["token", "revoke", &id]);
        assert!(!app.is_good(&keys.named) && app.is_good(&keys.login));
        let again = app.binary().run(&["token", "revoke", &id]);
        assert_eq!(again.status, 1);
        assert!(again.stderr.contains(&format!("no live token with id {id}")), "{}", again.stderr);
        for arguments in [&["token", "list"][..], &["token", "list", "--json"], &["token", "list", "alice"]] {
            let shown = app.command(arguments);
            assert!(!shown.contains(&keys.login) && !shown.contains(&keys.named), "{arguments:?} shows a key");
        }
    }

    fn token_list_shows_where_a_grace_ends(db) {
        let (app, keys) = with_alice(db);
        app.post("/admin/users/alice/regenerate?grace=1h", &app.admin_token(), &json!({}));
        let end = app.tokens_of("alice")[0]["expires_at"].as_str().unwrap().to_owned();
        let table = app.command(&["token", "list", "alice"]);
        let row = table.lines().find(|line| line.contains(&keys.login[..4])).unwrap();
        assert!(row.contains(&end), "{end} is not in {row}");
    }
}
