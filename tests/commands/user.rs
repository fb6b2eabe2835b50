//! `jeton user ...`

use serde_json::json;

use super::{
    PASSWORD, create_client, create_user, done, introspect, json_of, key_in, login, migrated, refused, try_login, why,
};
use crate::on_both;
use crate::support::app::TestDatabase;
use crate::support::http::Request;

on_both! {
    fn only_one_line_end_is_removed_from_a_password_on_standard_input(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        for (username, stdin) in [("none", PASSWORD), ("lf", "a quiet harbour at noon\n"), ("crlf", "a quiet harbour at noon\r\n"),
            ("two", "a quiet harbour at noon\n\n"), ("blank", " a quiet harbour at noon \n")] {
            let output = jeton.run_with_stdin(&["user", "create", "--password-stdin", username], stdin);
            assert_eq!((output.status, output.stdout.as_str()), (0, ""), "{username}: {output:?}");
            assert!(output.stderr.contains(&format!("created user {username} (id ")), "{output:?}");
        }
        let server = jeton.serve();
        for (username, password) in [("none", PASSWORD), ("lf", PASSWORD), ("crlf", PASSWORD),
            ("two", "a quiet harbour at noon\n"), ("blank", " a quiet harbour at noon ")] {
            assert_eq!(try_login(&server, username, password).status, 200, "{username}");
        }
        for username in ["two", "blank"] {
            assert_eq!(try_login(&server, username, PASSWORD).status, 400, "{username}");
        }
    }

    fn flags_set_the_fields_of_a_new_user(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &["--email", "amy@example.com", "--staff", "--group", "ops", "--group", "billing"]);
        create_user(&jeton, "root", &["--superuser"]);
        done(&jeton, &["user", "create", "bob", "--no-password"]);

        let user = |name| json_of(&done(&jeton, &["user", "show", name, "--json"]));
        let amy = user("amy");
        let fields = |user: &serde_json::Value| ["is_active", "is_staff", "is_superuser"].map(|name| user[name] == true);
        assert_eq!((amy["email"].as_str(), &amy["groups"]), (Some("amy@example.com"), &json!(["billing", "ops"])));
        assert_eq!(fields(&amy), [true, true, false]);
        assert_eq!(fields(&user("root")), [true, true, true], "a superuser is staff");
        assert_eq!(fields(&user("bob")), [true, false, false]);
        assert_eq!(user("bob")["groups"], json!([]));

        let shown = done(&jeton, &["user", "show", "amy"]);
        assert!(shown.lines().any(|line| line.split_whitespace().eq(["email", "amy@example.com"])), "{shown}");
        assert!(!shown.contains("argon2") && !shown.contains("password"), "{shown}");
        for password in ["", "!", PASSWORD] {
            let server = jeton.serve();
            assert_eq!(try_login(&server, "bob", password).status, 400, "a user without a password: {password:?}");
        }
    }

    fn lists_are_tables_or_the_objects_of_the_admin_api(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        assert_eq!(json_of(&done(&jeton, &["user", "list", "--json"])), json!([]));
        create_user(&jeton, "root", &["--superuser"]);
        create_user(&jeton, "amy", &["--email", "amy@example.com", "--group", "ops"]);
        done(&jeton, &["user", "create", "bob", "--no-password"]);
        done(&jeton, &["user", "deactivate", "bob"]);

        let table = done(&jeton, &["user", "list"]);
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().skip(1).collect()).collect();
        assert_eq!(rows[0], ["USERNAME", "EMAIL", "ROLE", "GROUPS"]);
        assert_eq!(rows[1..], [vec!["root", "superuser"], vec!["amy", "amy@example.com", "user", "ops"], vec!["bob", "inactive"]]);

        let listed = json_of(&done(&jeton, &["user", "list", "--json"]));
        let server = jeton.serve();
        let answer = Request::new("GET", "/admin/users/").token(&login(&server, "root")).send(server.addr);
        assert_eq!((answer.status, &answer.json()["results"]), (200, &listed));

        let found = |words| {
            let found = json_of(&done(&jeton, &["user", "list", "--json", "--search", words]));
            let names = found.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap().to_owned());
            names.collect::<Vec<_>>()
        };
        assert_eq!(found("AMY@"), ["amy"]);
        assert_eq!(found("o"), ["root", "amy", "bob"], "a search looks in names and addresses");
        assert_eq!(found("%"), [""; 0], "a search is not an SQL pattern");
        assert_eq!(found("amy bob"), [""; 0], "a user must match all words");
    }

    fn a_long_list_is_printed_completely(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        done(&jeton, &["migrate"]);
        let rows: Vec<String> = (1..=1001).map(|n| format!("({n}, 'u{n}', '!', '2026-01-01 00:00:00')")).collect();
        database.sql(&format!("insert into users (id, username, password, date_joined) values {}", rows.join(",")));
        let listed = json_of(&done(&jeton, &["user", "list", "--json"]));
        let ids: Vec<_> = listed.as_array().unwrap().iter().map(|user| user["id"].as_i64().unwrap()).collect();
        assert_eq!(ids, (1..=1001).collect::<Vec<_>>());
    }

    fn a_server_applies_deactivate_activate_and_delete_at_once(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        let client = create_client(&jeton, "billing");
        let server = jeton.serve();
        let token = login(&server, "amy");
        let named = key_in(&done(&jeton, &["token", "create", "amy", "--name", "ci"]), "amy");
        let active = |token: &str| introspect(&server, &client, token)["active"] == true;
        assert!(active(&token) && active(&named));

        assert_eq!(done(&jeton, &["user", "deactivate", "amy"]), "");
        assert!(!active(&token) && !active(&named));
        assert_eq!(try_login(&server, "amy", PASSWORD).status, 400);
        assert_eq!(done(&jeton, &["user", "activate", "amy"]), "");
        assert!(active(&token) && active(&named), "tokens come back with their user");
        assert_eq!(login(&server, "amy"), token);

        assert_eq!(done(&jeton, &["user", "delete", "amy", "--yes"]), "");
        assert!(!active(&token) && !active(&named));
        assert_eq!(try_login(&server, "amy", PASSWORD).status, 400);
        assert_eq!(refused(&jeton, &["user", "show", "amy"]), "error: user amy does not exist");
    }

    fn a_server_applies_a_new_password_at_once_and_login_tokens_are_revoked(db) {
        const NEW: &str = "quiet hills at dusk";
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        let client = create_client(&jeton, "billing");
        let server = jeton.serve();
        let old = login(&server, "amy");
        let named = key_in(&done(&jeton, &["token", "create", "amy", "--name", "ci"]), "amy");

        let output = jeton.run_with_stdin(&["user", "set-password", "amy", "--password-stdin"], "12345\n");
        assert!(why(&output).contains("This password is too short."), "{output:?}");
        assert_eq!(introspect(&server, &client, &old)["active"], true, "a refused password changes nothing");

        let output = jeton.run_with_stdin(&["user", "set-password", "amy", "--password-stdin"], NEW);
        assert_eq!((output.status, output.stdout.as_str()), (0, ""), "{output:?}");
        assert_eq!(introspect(&server, &client, &old), json!({"active": false}));
        assert_eq!(introspect(&server, &client, &named)["active"], true, "named tokens stay valid");
        assert_eq!(try_login(&server, "amy", PASSWORD).status, 400);
        let answer = try_login(&server, "amy", NEW);
        assert_eq!(answer.status, 200);
        assert_ne!(answer.json()["token"], old.as_str());
    }

    fn a_link_for_a_password_is_printed_and_works(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        done(&jeton, &["user", "create", "amy", "--no-password"]);
        let why = refused(&jeton, &["user", "password-link", "amy"]);
        assert!(why.contains("set JETON_ISSUER"), "{why}");
        let jeton = jeton.env("JETON_ISSUER", "https://tokens.example.com");
        let output = jeton.run(&["user", "password-link", "amy", "--expires-in", "2d"]);
        assert_eq!(output.status, 0, "{output:?}");
        let link = output.stdout.trim_end().strip_prefix("https://tokens.example.com").unwrap();
        assert!(!output.stderr.contains(link), "{output:?}");
        assert!(output.stderr.contains("user amy can set a password with it once, until "), "{output:?}");
        let server = jeton.serve();
        let page = Request::new("GET", link).send(server.addr);
        assert!(page.status == 200 && page.text().contains("For <bdi>amy</bdi>."), "{page:?}");
        assert!(refused(&jeton, &["user", "password-link", "amy", "--expires-in", "8d"]).contains("less than or equal to 7d."));
        assert_eq!(refused(&jeton, &["user", "password-link", "nobody"]), "error: user nobody does not exist");
        done(&jeton, &["user", "deactivate", "amy"]);
        assert!(refused(&jeton, &["user", "password-link", "amy"]).contains("This user is inactive."));
        assert_eq!(Request::new("GET", link).send(server.addr).status, 404);
    }

    fn without_a_terminal_delete_does_not_ask(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        done(&jeton, &["user", "create", "bob", "--no-password"]);
        assert_eq!(jeton.run_with_stdin(&["user", "delete", "bob"], "n\n").status, 0);
        assert_eq!(refused(&jeton, &["user", "delete", "bob"]), "error: user bob does not exist");
    }
}
