//! `jeton user update`

use serde_json::{Value, json};

use super::{create_client, create_user, done, introspect, json_of, login, migrated, refused};
use crate::on_both;
use crate::support::app::TestDatabase;
use crate::support::http::Request;
use crate::support::process::Jeton;

fn user(jeton: &Jeton, name: &str) -> Value {
    json_of(&done(jeton, &["user", "show", name, "--json"]))
}

/// Runs a command that must succeed, and returns its standard error.
#[track_caller]
fn said(jeton: &Jeton, args: &str) -> String {
    let args: Vec<&str> = args.split(' ').collect();
    let output = jeton.run(&args);
    assert_eq!((output.status, output.stdout.as_str()), (0, ""), "{args:?}: {output:?}");
    output.stderr
}

/// The details of the newest entry of the audit log about a user.
fn newest(jeton: &Jeton, name: &str) -> Value {
    let entries =
        json_of(&done(jeton, &["audit", "--target", name, "--action", "user.update", "--limit", "1", "--json"]));
    entries[0]["details"].clone()
}

on_both! {
    fn each_field_is_changed_and_recorded(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "root", &["--superuser"]);
        create_user(&jeton, "bob", &["--email", "bob@example.com", "--group", "ops"]);
        for (args, change) in [
            ("--email b@example.com", json!({"email": "b@example.com"})),
            ("--email=", json!({"email": ""})),
            ("--first-name Bob --last-name Ross", json!({"first_name": "Bob", "last_name": "Ross"})),
            ("--group a --group b", json!({"groups": ["a", "b"]})),
            ("--add-group c --remove-group a", json!({"groups": ["b", "c"]})),
            ("--remove-group b", json!({"groups": ["c"]})),
            ("--staff", json!({"is_staff": true})),
            ("--no-staff", json!({"is_staff": false})),
            ("--superuser", json!({"is_staff": true, "is_superuser": true})),
            ("--no-superuser", json!({"is_superuser": false})),
            ("--no-staff --superuser", json!(null)),
            ("--no-superuser --no-staff", json!({"is_staff": false})),
            ("--external-id shop-7", json!({"external_id": "shop-7"})),
            ("--no-external-id", json!({"external_id": null})),
        ] {
            if change.is_null() {
                assert_eq!(jeton.run(&[&["user", "update", "bob"], &*args.split(' ').collect::<Vec<_>>()].concat()).status, 2, "{args}");
                continue;
            }
            let words = said(&jeton, &format!("user update bob {args}"));
            let fields: Vec<&str> = change.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(words, format!("updated user bob (id 2): {}\n", fields.join(", ")), "{args}");
            let shown = user(&jeton, "bob");
            for (field, value) in change.as_object().unwrap() {
                assert_eq!(&shown[field], value, "{args}: {shown}");
            }
            assert_eq!(newest(&jeton, "bob"), change, "{args}");
        }
        let before = done(&jeton, &["audit", "--json"]);
        assert_eq!(said(&jeton, "user update bob --last-name Ross --group c"), "user bob (id 2) has these values already\n");
        assert_eq!(done(&jeton, &["audit", "--json"]), before, "no change has no entry");

        assert_eq!(said(&jeton, "user update bob --rename robert"), "updated user robert (id 2): username\n");
        assert_eq!(refused(&jeton, &["user", "show", "bob"]), "error: user bob does not exist");
        assert_eq!(user(&jeton, "robert")["id"], 2);
        assert_eq!(newest(&jeton, "bob"), json!({"username": "robert"}));
        assert_eq!(newest(&jeton, "robert"), json!({"renamed_from": "bob"}));
    }

    fn a_server_applies_an_update_at_once(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "root", &["--superuser"]);
        create_user(&jeton, "bob", &["--staff"]);
        let client = create_client(&jeton, "billing");
        let server = jeton.serve();
        let token = login(&server, "bob");
        let answer = |name: &str| introspect(&server, &client, &token)[name].clone();
        let list_users = || Request::new("GET", "/admin/users/").token(&token).send(server.addr).status;
        assert_eq!((answer("is_staff"), answer("username"), list_users()), (json!(true), json!("bob"), 200));
        said(&jeton, "user update bob --no-staff --rename robert --email r@example.com --add-group ops --external-id x-1");
        assert_eq!((answer("is_staff"), answer("username"), list_users()), (json!(false), json!("robert"), 403));
        assert_eq!((answer("email"), answer("groups"), answer("external_id")), (json!("r@example.com"), json!(["ops"]), json!("x-1")));
        assert_eq!(login(&server, "robert"), token);
    }

    fn what_the_api_refuses_is_refused(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "root", &["--superuser"]);
        create_user(&jeton, "bob", &[]);
        said(&jeton, "user update root --external-id shop-1");
        let before = done(&jeton, &["user", "list", "--json"]);
        let long = "x".repeat(1_025);
        for (args, words) in [
            (["update", "nobody", "--staff"].as_slice(), "error: user nobody does not exist"),
            (&["update", "bob", "--rename", "root"], "A user with that username already exists."),
            (&["update", "bob", "--rename", "a/b", "--email", "x"], "Enter a valid username."),
            (&["update", "bob", "--rename", "a/b", "--email", "x"], "Enter a valid email address."),
            (&["update", "bob", "--email", "x"], "Enter a valid email address."),
            (&["update", "bob", "--add-group", " "], "This field may not be blank."),
            (&["update", "bob", "--external-id", ""], "This field may not be blank."),
            (&["update", "bob", "--external-id", "shop-1"], "A user with that external id already exists."),
            (&["update", "bob", "--external-id", &long], "no more than 1024 bytes"),
            (&["update", "root", "--no-superuser"], "last active superuser"),
        ] {
            let why = refused(&jeton, &[&["user"], args].concat());
            assert!(why.starts_with("error: ") && why.contains(words), "{args:?}: {why}");
        }
        assert_eq!(done(&jeton, &["user", "list", "--json"]), before, "nothing was changed");
        for args in ["bob", "bob --staff --no-staff", "bob --group a --add-group b", "bob --superuser --no-superuser",
            "--staff", "bob --is-active false"] {
            let output = jeton.run(&[&["user", "update"], &*args.split(' ').collect::<Vec<_>>()].concat());
            assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{args}: {output:?}");
        }
    }
}
