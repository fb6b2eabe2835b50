//! `jeton token ...`

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    PASSWORD, create_client, create_user, done, introspect, jeton, json_of, key_in, login, migrated, refused, try_login,
};

use crate::import::fixture;
use crate::on_both;
use crate::support::app::{Kind, TestDatabase};
use crate::support::http::Request;

on_both! {
    fn the_login_token_is_printed_in_drfs_line_and_a_login_returns_it(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        let client = create_client(&jeton, "billing");
        let key = key_in(&done(&jeton, &["token", "create", "amy"]), "amy");
        assert_eq!(key_in(&done(&jeton, &["token", "create", "amy"]), "amy"), key, "the same key until it is replaced");
        let server = jeton.serve();
        assert_eq!(login(&server, "amy"), key);

        let mut old = key;
        for flag in ["-r", "--regenerate", "--reset"] {
            let new = key_in(&done(&jeton, &["token", "create", flag, "amy"]), "amy");
            assert_ne!(new, old, "{flag}");
            assert_eq!(introspect(&server, &client, &old), json!({"active": false}), "{flag}: the old key");
            assert_eq!(introspect(&server, &client, &new)["username"], "amy", "{flag}: the new key");
            assert_eq!(login(&server, "amy"), new, "{flag}: the next login");
            old = new;
        }
    }

    fn regenerate_may_leave_a_grace_and_may_end_named_tokens_too(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        let client = create_client(&jeton, "billing");
        let server = jeton.serve();
        let create = |more: &[&str]| key_in(&done(&jeton, &[&["token", "create", "amy"], more].concat()), "amy");
        let (old, named) = (create(&[]), create(&["--name", "ci"]));
        let new = create(&["-r", "--grace", "1h"]);
        let left = introspect(&server, &client, &old);
        let span = left["exp"].as_i64().unwrap() - introspect(&server, &client, &new)["iat"].as_i64().unwrap();
        assert!(left["active"] == true && (3_590..=3_600).contains(&span), "{left}");
        assert_eq!(introspect(&server, &client, &named)["active"], true);
        let newest = create(&["-r", "--all"]);
        for key in [&old, &named, &new] {
            assert_eq!(introspect(&server, &client, key), json!({"active": false}));
        }
        assert_eq!(introspect(&server, &client, &newest)["active"], true);
    }

    fn explain_says_all_that_the_api_says(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "root", &["--superuser"]);
        create_user(&jeton, "amy", &[]);
        let token = ["token", "create", "amy", "--name", "ci", "--scope", "a b", "--expires-in", "1d"];
        let key = key_in(&done(&jeton, &token), "amy");
        let id = json_of(&done(&jeton, &["token", "list", "amy", "--json"]))[0]["id"].to_string();
        done(&jeton, &["token", "revoke", &id]);
        let server = jeton.serve();
        let admin = login(&server, "root");
        let request = Request::new("POST", "/admin/explain").token(&admin).json(&json!({"token": key}));
        let answer = request.send(server.addr).json();
        let printed = jeton.run_with_stdin(&["token", "explain", "--json"], &key);
        assert_eq!(json_of(&printed.stdout), answer, "{printed:?}");

        let printed = jeton.run_with_stdin(&["token", "explain"], &key);
        assert_eq!((printed.status, printed.stdout.as_str()), (0, "revoked\n"));
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let fields = ["at", "by", "username"].map(|name| (name.to_owned(), text(&answer[name])));
        let of_token = answer["token"].as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
        let of_token = of_token.map(|(name, value)| (format!("token.{name}"), text(value)));
        let wanted: Vec<(String, String)> = fields.into_iter().chain(of_token).collect();
        let said: Vec<(String, String)> = printed.stderr.lines().map(|line| {
            let (name, value) = line.split_once(' ').unwrap();
            (name.to_owned(), value.trim_start().to_owned())
        }).collect();
        assert_eq!(said, wanted);
        assert!(said.iter().any(|(name, value)| name == "token.scope" && value == "a b"), "{said:?}");
    }

    fn a_named_token_has_its_scopes_and_its_expiry(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        let client = create_client(&jeton, "billing");
        let args = ["token", "create", "amy", "--name", "ci", "--scope", "reports:read users:read", "--expires-in", "90d"];
        let named = key_in(&done(&jeton, &args), "amy");
        let plain = key_in(&done(&jeton, &["token", "create", "--name", "ci", "amy"]), "amy");
        assert_ne!(plain, named, "two tokens may have the same name");
        let server = jeton.serve();
        let facts = introspect(&server, &client, &named);
        assert_eq!((facts["active"].as_bool(), facts["scope"].as_str()), (Some(true), Some("reports:read users:read")));
        assert_eq!(facts["exp"].as_i64().unwrap() - facts["iat"].as_i64().unwrap(), 90 * 86_400);
        let hour = key_in(&done(&jeton, &["token", "create", "amy", "--name", "ci", "--expires-in", "3600"]), "amy");
        let facts = introspect(&server, &client, &hour);
        assert_eq!(facts["exp"].as_i64().unwrap() - facts["iat"].as_i64().unwrap(), 3_600, "whole seconds, as in the API");
        let facts = introspect(&server, &client, &plain);
        assert_eq!((facts["active"].as_bool(), facts.get("scope"), facts.get("exp")), (Some(true), None, None));
        done(&jeton, &["token", "create", "-r", "amy"]);
        assert_eq!(introspect(&server, &client, &named)["active"], true, "regenerate is for login tokens");

        for (args, words) in [
            (["--name", " ", "--scope", ""], "This field may not be blank."),
            (["--name", "x".repeat(101).as_str(), "--scope", ""], "no more than 100 characters"),
            (["--name", "ci", "--scope", "a\"b"], "scope: "),
        ] {
            let why = refused(&jeton, &[&["token", "create", "amy"][..], &args].concat());
            assert!(why.contains(words), "{args:?}: {why}");
        }
    }

    fn a_key_as_an_argument_is_refused_and_not_printed(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        let key = "c32b5d0a".repeat(5);
        let output = jeton.run(&["token", "explain", &key]);
        assert!(output.status == 1 && output.stderr.contains("on standard input"), "{output:?}");
        assert!(!format!("{output:?}").contains(&key), "{output:?}");
    }

    fn a_key_is_explained_however_it_was_copied(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        let key = key_in(&done(&jeton, &["token", "create", "amy"]), "amy");
        for text in [
            key.clone(),
            format!("{key}\r\n"),
            format!("\n  {key}\t\n"),
            format!("Token {key}\n"),
            format!(" bearer  {key} \n"),
            format!("TOKEN\t{key}"),
            format!("Authorization: Token {key}\n"),
            format!("{{\"token\":\"{key}\"}}\n"),
            format!("{}\n{}\n", &key[..30], &key[30..]),
        ] {
            let output = jeton.run_with_stdin(&["token", "explain"], &text);
            assert_eq!((output.status, output.stdout.as_str()), (0, "active\n"), "{text:?}: {output:?}");
        }
        for text in ["", "Token", &format!("Basic {key}"), &format!("{key} {key}")] {
            let output = jeton.run_with_stdin(&["token", "explain"], text);
            assert!(output.status == 0 && output.stdout != "active\n", "{text:?}: {output:?}");
        }
    }

    fn lists_show_live_tokens_and_never_a_key(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        create_user(&jeton, "bob", &[]);
        assert_eq!(json_of(&done(&jeton, &["token", "list", "--json"])), json!([]));
        let mut keys = vec![key_in(&done(&jeton, &["token", "create", "amy"]), "amy")];
        for name in ["ci", "nightly job"] {
            keys.push(key_in(&done(&jeton, &["token", "create", "amy", "--name", name, "--scope", "a"]), "amy"));
        }
        keys.push(key_in(&done(&jeton, &["token", "create", "bob"]), "bob"));

        let printed = done(&jeton, &["token", "list", "amy", "--json"]);
        let tokens = json_of(&printed);
        let names: Vec<&str> = tokens[0].as_object().unwrap().keys().map(String::as_str).collect();
        let facts = ["id", "name", "kind", "scope", "created_at", "expires_at", "last_used_at", "last_used_by"];
        assert_eq!(names, [&facts[..], &["username"]].concat());
        let summary = |token: &Value| ["kind", "name", "scope"].map(|name| token[name].clone());
        let summaries: Vec<_> = tokens.as_array().unwrap().iter().map(summary).collect();
        assert_eq!(summaries, [[json!("login"), json!(null), json!("")], [json!("named"), json!("ci"), json!("a")],
            [json!("named"), json!("nightly job"), json!("a")]]);

        let table = done(&jeton, &["token", "list"]);
        let owners: Vec<&str> = table.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
        assert_eq!(owners, ["USER", "amy", "amy", "amy", "bob"]);
        for key in &keys {
            assert!(!table.contains(&key[..12]) && !printed.contains(&key[..12]), "{table}{printed}");
        }

        done(&jeton, &["token", "create", "-r", "bob"]);
        done(&jeton, &["user", "deactivate", "amy"]);
        let all = json_of(&done(&jeton, &["token", "list", "--json"]));
        assert_eq!(all.as_array().unwrap().len(), 4, "the revoked token is not listed, the inactive user's token is: {all}");
    }

    fn control_characters_in_a_name_do_not_change_the_terminal_or_the_lines(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        done(&jeton, &["token", "create", "amy", "--name", "a\n7  \u{1b}[2Jb\u{9b}c"]);
        let table = done(&jeton, &["token", "list"]);
        assert!(table.lines().count() == 2 && table.contains("a\\n7  \\u{1b}[2Jb\\u{9b}c"), "{table:?}");
        let server = jeton.serve();
        assert_eq!(try_login(&server, "x\u{1b}[2J\ny", PASSWORD).status, 400);
        database.sql(&format!("update users set first_name = {}", if database.postgres.is_some() { "chr(27)" } else { "char(27)" }));
        for args in [&["audit"][..], &["user", "show", "amy"], &["user", "list"]] {
            let printed = done(&jeton, args);
            assert!(!printed.contains(|c: char| c.is_control() && c != '\n'), "{printed:?}");
        }
        assert!(done(&jeton, &["audit"]).contains("x\\u{1b}[2J\\ny"));
        assert!(done(&jeton, &["user", "show", "amy"]).contains("\\u{1b}"));
        let names = json_of(&done(&jeton, &["token", "list", "--json"]));
        assert_eq!(names[0]["name"], "a\n7  \u{1b}[2Jb\u{9b}c", "JSON has the name unchanged");
    }

    fn a_revoked_token_is_dead_at_once(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        let client = create_client(&jeton, "billing");
        let server = jeton.serve();
        let login_key = login(&server, "amy");
        let named = key_in(&done(&jeton, &["token", "create", "amy", "--name", "ci"]), "amy");
        let jti = |key: &str| introspect(&server, &client, key)["jti"].as_str().unwrap().to_owned();
        let (login_id, named_id) = (jti(&login_key), jti(&named));

        assert_eq!(done(&jeton, &["token", "revoke", &named_id]), "");
        assert_eq!(introspect(&server, &client, &named), json!({"active": false}));
        assert_eq!(introspect(&server, &client, &login_key)["active"], true, "the other token is still valid");
        assert!(refused(&jeton, &["token", "revoke", &named_id]).contains(&named_id), "the token is already revoked");
        done(&jeton, &["token", "revoke", &login_id]);
        assert_eq!(introspect(&server, &client, &login_key), json!({"active": false}));
        assert_ne!(login(&server, "amy"), login_key);
    }

    fn an_inactive_user_gets_a_token_that_is_invalid_until_they_are_active(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        let client = create_client(&jeton, "billing");
        done(&jeton, &["user", "deactivate", "amy"]);
        // DRF's `drf_create_token` does the same.
        let key = key_in(&done(&jeton, &["token", "create", "amy"]), "amy");
        let server = jeton.serve();
        assert_eq!(introspect(&server, &client, &key), json!({"active": false}));
        done(&jeton, &["user", "activate", "amy"]);
        assert_eq!(introspect(&server, &client, &key)["active"], true);
    }
}

on_both! {
    /// Also when it is run without the nodes' settings, and at a node that has another bound than the others.
    fn whoever_waits_takes_the_larger_bound(db) {
        let database = TestDatabase::new(db);
        let short = migrated(&database);
        create_user(&short, "amy", &[]);
        let client = create_client(&short, "billing");
        let earlier = short.serve();
        let long = jeton(&database).env("JETON_REVOCATION_BOUND", "3s");
        let later = long.serve();
        let warning = "JETON_REVOCATION_BOUND is 3s here, and was 1s at the node";
        assert!(later.stderr().contains(warning), "{}", later.stderr());
        assert!(!earlier.stderr().contains("JETON_REVOCATION_BOUND"), "{}", earlier.stderr());
        let bound = Duration::from_secs(3);
        let since = Instant::now();
        done(&short, &["token", "create", "-r", "amy", "--wait"]);
        assert!(since.elapsed() >= bound);
        let key = login(&earlier, "amy");
        let since = Instant::now();
        let revoke = Request::new("POST", "/revoke?wait=true").basic(&client.0, &client.1);
        assert_eq!(revoke.form(&[("token", &key)]).send(earlier.addr).status, 200);
        assert!(since.elapsed() >= bound);
        let another = long.serve();
        assert!(!another.stderr().contains("JETON_REVOCATION_BOUND"), "{}", another.stderr());
    }
}

/// With `--wait`, a command that may revoke tokens ends only when no cache answers any more that they are active.
#[test]
fn a_command_with_wait_ends_after_the_bound() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database).env("JETON_REVOCATION_BOUND", "1500ms");
    let project = fixture(Kind::Sqlite);
    done(&jeton, &["import", "django", "--from", &project.url]);
    create_user(&jeton, "amy", &[]);
    create_client(&jeton, "billing");
    let id = |name: &str| {
        done(&jeton, &["token", "create", "amy", "--name", name]);
        let tokens = json_of(&done(&jeton, &["token", "list", "amy", "--json"]));
        let is_it = |token: &&Value| token["name"] == name;
        tokens.as_array().unwrap().iter().find(is_it).unwrap()["id"].to_string()
    };
    let id = id("ci");
    for arguments in [
        ["token", "create", "-r", "amy", "--wait"].as_slice(),
        &["token", "update", &id, "--expires-in", "1h", "--wait"],
        &["user", "update", "amy", "--staff", "--wait"],
        &["import", "django", "--from", &project.url, "--update", "--wait"],
        &["token", "revoke", &id, "--wait"],
        &["token", "revoke", "--all", "--yes", "--wait"],
        &["user", "deactivate", "amy", "--wait"],
        &["client", "rotate", "billing", "--wait"],
        &["client", "delete", "--yes", "billing", "--wait"],
        &["user", "delete", "--yes", "amy", "--wait"],
    ] {
        let since = Instant::now();
        done(&jeton, arguments);
        assert!(since.elapsed() >= Duration::from_millis(1_500), "{arguments:?}");
    }
}
