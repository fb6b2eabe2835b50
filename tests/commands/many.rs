//! Commands that revoke many tokens or deactivate many users: they count, ask first, and work in batches.

use serde_json::{Value, json};

use super::{
    PASSWORD, create_client, create_user, done, introspect, json_of, key_in, login, migrated, refused, try_login,
};
use crate::on_both;
use crate::support::app::TestDatabase;
use crate::support::process::Jeton;

/// Target and details of an action's entries in the audit log, the oldest first.
fn entries(jeton: &Jeton, action: &str) -> Vec<(String, Value)> {
    let printed = json_of(&done(jeton, &["audit", "--action", action, "--limit", "10000", "--json"]));
    let entry = |entry: &Value| (entry["target"].as_str().unwrap().to_owned(), entry["details"].clone());
    printed.as_array().unwrap().iter().rev().map(entry).collect()
}

/// Runs a command that must succeed, and returns its standard error.
#[track_caller]
fn stderr_of(jeton: &Jeton, args: &[&str]) -> String {
    let output = jeton.run(args);
    assert_eq!((output.status, output.stdout.as_str()), (0, ""), "{args:?}: {output:?}");
    output.stderr
}

on_both! {
    fn all_tokens_are_revoked_and_a_running_node_receives_the_change(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        for name in ["amy", "bob"] {
            create_user(&jeton, name, &[]);
        }
        let client = create_client(&jeton, "billing");
        let server = jeton.serve();
        let keys = [
            login(&server, "amy"),
            login(&server, "bob"),
            key_in(&done(&jeton, &["token", "create", "amy", "--name", "ci"]), "amy"),
        ];
        let ids: Vec<i64> = keys
            .iter()
            .map(|key| introspect(&server, &client, key)["jti"].as_str().unwrap().parse().unwrap())
            .collect();

        let why = refused(&jeton, &["token", "revoke", "--all"]);
        assert!(why.contains("cancelled") && why.contains("--yes"), "{why}");
        assert!(keys.iter().all(|key| introspect(&server, &client, key)["active"] == true), "without a terminal the command needs --yes");

        let stderr = stderr_of(&jeton, &["token", "revoke", "--all", "--yes"]);
        assert!(stderr.contains("3 live tokens of 2 users will be revoked.") && stderr.contains("revoked 3 tokens"), "{stderr}");
        for key in &keys {
            assert_eq!(introspect(&server, &client, key), json!({"active": false}));
        }
        let expected = [("amy".to_owned(), json!({"tokens": [ids[0], ids[2]]})), ("bob".to_owned(), json!({"tokens": [ids[1]]}))];
        assert_eq!(entries(&jeton, "token.revoke"), expected);
        assert_ne!(login(&server, "amy"), keys[0], "the next login gives a new key");
        assert!(stderr_of(&jeton, &["token", "revoke", "--all", "--yes"]).contains("1 live token of 1 user will"));
        assert!(stderr_of(&jeton, &["token", "revoke", "--all"]).contains("revoked 0 tokens"), "without a live token the command does not ask");
    }

    fn tokens_of_some_users_or_of_a_span_of_time_are_revoked(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        let mut keys = Vec::new();
        for (name, month) in [("amy", 1), ("bob", 2), ("cleo", 3)] {
            create_user(&jeton, name, &[]);
            keys.push(key_in(&done(&jeton, &["token", "create", name]), name));
            let whose = format!("user_id = (select id from users where username = '{name}')");
            database.sql(&format!("update tokens set created_at = '2026-0{month}-01 00:00:00' where {whose}"));
        }
        let client = create_client(&jeton, "billing");
        let server = jeton.serve();
        let live = || keys.iter().map(|key| introspect(&server, &client, key)["active"] == true).collect::<Vec<_>>();

        assert_eq!(refused(&jeton, &["token", "revoke", "--user", "amy", "--user", "nobody", "--yes"]),
            "error: user nobody does not exist");
        assert_eq!(live(), [true, true, true]);
        let none = ["token", "revoke", "--user", "amy", "--since", "2026-02-01", "--yes"];
        assert!(stderr_of(&jeton, &none).contains("revoked 0 tokens"), "both conditions must be met");
        stderr_of(&jeton, &["token", "revoke", "--since", "2026-02-01", "--until", "2026-03-01", "--yes"]);
        assert_eq!(live(), [true, false, true], "--since is inclusive and --until is exclusive");
        stderr_of(&jeton, &["token", "revoke", "--user", "cleo", "--user", "bob", "--yes"]);
        assert_eq!(live(), [true, false, false]);
        assert_eq!(entries(&jeton, "token.revoke").iter().map(|(target, _)| target.as_str()).collect::<Vec<_>>(), ["bob", "cleo"]);

        for args in [&["revoke"][..], &["revoke", "1", "--all"], &["revoke", "--all", "--user", "amy"], &["revoke", "--since", "soon"],
            &["revoke", "1", "--since", "2026-02-01"]] {
            let output = jeton.run(&[&["token"], args].concat());
            assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{args:?}: {output:?}");
        }
        assert_eq!(live(), [true, false, false]);
    }

    fn more_than_one_batch_is_revoked_with_an_entry_for_each_user(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        let (past, digest, series) = if database.postgres.is_some() {
            ("timestamptz '2026-01-02'", "decode(lpad(to_hex(n), 64, '0'), 'hex')", "generate_series(1, 1203) as n")
        } else {
            ("'2026-01-02 00:00:00'", "randomblob(32)", "(with recursive c(n) as (values(1) union all select n + 1 from c where n < 1203) select n from c) as c")
        };
        database.sql(&format!("insert into users (id, username, password, date_joined) \
            select n, 'user' || n, '!', '2026-01-01 00:00:00' from {series}"));
        // Every third token is expired, and is revoked too: a use that is written late must not extend its expiry.
        database.sql(&format!("insert into tokens (user_id, digest, created_at, expires_at) \
            select n, {digest}, '2026-01-01 00:00:00', case when n % 3 = 0 then {past} end from {series}"));
        let stderr = stderr_of(&jeton, &["token", "revoke", "--all", "--yes"]);
        assert!(stderr.contains("802 live tokens of 802 users will be revoked, and 401 tokens that have expired by this machine's clock"), "{stderr}");
        assert!(stderr.contains("revoked 1203 tokens"), "{stderr}");
        assert_eq!(database.sql("select count(*) from tokens where revoked_at is null"), "0");
        let entries = entries(&jeton, "token.revoke");
        assert_eq!((entries.len(), entries[0].0.as_str(), entries[1202].0.as_str()), (1203, "user1", "user1203"));
    }

    fn all_users_but_a_few_are_deactivated(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        for (name, flags) in [("root", &["--superuser"][..]), ("chief", &["--superuser"]), ("stella", &["--staff"]), ("amy", &[]), ("bob", &[])] {
            create_user(&jeton, name, flags);
        }
        done(&jeton, &["user", "deactivate", "bob"]);
        let client = create_client(&jeton, "billing");
        let server = jeton.serve();
        let (amy, root) = (login(&server, "amy"), login(&server, "root"));
        let session = "insert into sessions (user_id, digest, created_at, seen_at) select id, ";
        let digest = if database.postgres.is_some() { "decode(lpad(to_hex(id), 64, '0'), 'hex')" } else { "randomblob(32)" };
        database.sql(&format!("{session} {digest}, current_timestamp, current_timestamp from users where is_staff"));
        let active = || {
            let users = json_of(&done(&jeton, &["user", "list", "--json"]));
            let users = users.as_array().unwrap().iter().filter(|user| user["is_active"] == true);
            users.map(|user| user["username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };

        for (args, words) in [
            (&["--all-but", "root"][..], "--yes"),
            (&["--all-but", "root", "nobody", "--yes"], "user nobody does not exist"),
            (&["--all-but", "root", "nobody", "no-one", "nobody", "--yes"], "users nobody, no-one do not exist"),
            (&["--all-but", "amy", "stella", "--yes"], "last active superuser"),
        ] {
            let why = refused(&jeton, &[&["user", "deactivate"], args].concat());
            assert!(why.contains(words), "{args:?}: {why}");
            assert_eq!(active(), ["root", "chief", "stella", "amy"], "{args:?}");
        }
        for args in [&["user", "deactivate"][..], &["user", "deactivate", "amy", "--all-but", "root"], &["user", "deactivate", "amy", "--yes"]] {
            assert_eq!(jeton.run(args).status, 2, "{args:?}");
        }
        let stderr = stderr_of(&jeton, &["user", "deactivate", "--all-but", "root", "stella", "root", "--yes"]);
        assert!(stderr.contains("2 active users will be deactivated: all except root, stella.") && stderr.contains("deactivated 2 users"), "{stderr}");
        assert_eq!(active(), ["root", "stella"]);
        assert_eq!(introspect(&server, &client, &amy), json!({"active": false}));
        assert_eq!(introspect(&server, &client, &root)["active"], true);
        assert_eq!(try_login(&server, "amy", PASSWORD).status, 400);
        let left = "select username from sessions join users on users.id = user_id order by username";
        assert_eq!(database.sql(left), "root\nstella", "chief's session is over");
        let updates: Vec<_> = entries(&jeton, "user.update").into_iter().skip(1).collect();
        assert_eq!(updates, [("chief".to_owned(), json!({"is_active": false})), ("amy".to_owned(), json!({"is_active": false}))]);
        done(&jeton, &["user", "activate", "amy"]);
        assert_eq!(introspect(&server, &client, &amy)["active"], true, "the tokens come back with the user");
    }
}
