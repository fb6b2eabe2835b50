//! Refused commands, with their messages and exit status; and no argument takes a secret.

use std::fs;

use jeton::domain::audit::Action;

use super::{PASSWORD, create_client, create_user, done, migrated, refused, why};
use crate::on_both;
use crate::support::app::TestDatabase;
use crate::support::process::Jeton;

on_both! {
    fn unknown_names_are_reported(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        for args in ["user show nobody", "user deactivate nobody", "user activate nobody", "user delete nobody --yes",
            "user set-password nobody --password-stdin", "token list nobody"] {
            let args: Vec<&str> = args.split(' ').collect();
            assert_eq!(refused(&jeton, &args), "error: user nobody does not exist", "{args:?}");
        }
        // DRF's own sentence: `drf_create_token`.
        for more in [&[][..], &["-r"], &["--name", "ci"]] {
            let why = refused(&jeton, &[&["token", "create", "nobody"], more].concat());
            assert!(why.ends_with("Cannot create the Token: user nobody does not exist"), "{why}");
        }
        for args in [["client", "rotate", "nobody"], ["client", "delete", "nobody"]] {
            assert_eq!(refused(&jeton, &args), "error: client nobody does not exist");
        }
        assert!(refused(&jeton, &["token", "revoke", "4711"]).contains("4711"));
    }

    fn commands_refuse_what_the_api_refuses(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "root", &["--superuser"]);
        create_client(&jeton, "billing");
        let before = done(&jeton, &["user", "list", "--json"]);
        for (args, stdin, words) in [
            ("user deactivate root", "", "last active superuser"),
            ("user delete root --yes", "", "last active superuser"),
            ("user create root --no-password", "", "A user with that username already exists."),
            ("user create a/b --no-password", "", "Enter a valid username."),
            ("user create amy --no-password --email amy", "", "Enter a valid email address."),
            ("user create amy --password-stdin", "password", "This password is too common."),
            ("user create amyamyamy --password-stdin", "amyamyamy1", "The password is too similar to the username."),
            ("user create amy --password-stdin", "4294967299", "This password is entirely numeric."),
            ("user create amy --password-stdin", "", "This password is too short."),
            ("client create billing", "", "already exists"),
            ("client create bil:ling", "", "Enter a valid client id"),
        ] {
            let args: Vec<&str> = args.split(' ').collect();
            let why = why(&jeton.run_with_stdin(&args, stdin));
            assert!(why.starts_with("error: ") && why.contains(words), "{args:?}: {why}");
        }
        assert_eq!(done(&jeton, &["user", "list", "--json"]), before, "nothing was changed");
        // With a second superuser the first may be deleted.
        create_user(&jeton, "heir", &["--superuser"]);
        done(&jeton, &["user", "delete", "root", "--yes"]);
    }

    fn the_audit_log_names_the_person_who_ran_the_command(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database).env("USER", "olga");
        create_user(&jeton, "amy", &[]);
        done(&jeton, &["user", "deactivate", "amy"]);
        done(&jeton, &["user", "delete", "amy"]);
        create_client(&jeton, "billing");
        let entries = database.sql("select actor, action, target from audit_log order by id");
        let expected = ["user.create|amy", "user.update|amy", "user.delete|amy", "client.create|billing"];
        assert_eq!(entries, expected.map(|entry| format!("cli:olga|{entry}")).join("\n"));
    }
}

#[test]
fn without_a_terminal_a_flag_must_say_where_the_password_comes_from() {
    let jeton = Jeton::new();
    done(&jeton, &["migrate"]);
    let why = refused(&jeton, &["user", "create", "amy"]);
    assert!(why.contains("terminal") && why.contains("--password-stdin"), "{why}");
    done(&jeton, &["user", "create", "amy", "--no-password"]);
    let why = refused(&jeton, &["user", "set-password", "amy"]);
    assert!(why.contains("terminal") && why.contains("--password-stdin"), "{why}");
}

#[test]
fn wrong_usage_exits_with_status_2_and_creates_nothing() {
    let jeton = Jeton::new();
    for args in [
        "nonsense",
        "user",
        "user create",
        "user create amy --password-stdin --no-password",
        "user create amy --nonsense",
        "user list amy",
        "token create",
        "token create amy --scope a",
        "token create amy --expires-in 1d",
        "token create amy --name ci --expires-in soon",
        "token create amy --name ci --expires-in 0",
        "token create amy --name ci --expires-in 0s",
        "token create amy --name ci --expires-in 36501d",
        "token create amy --name ci -r",
        "token create amy --grace 1h",
        "token create amy --name ci --grace 1h",
        "token create amy --name ci --all",
        "token create amy -r --scope a",
        "token create amy -r --expires-in 1d",
        "import django --from sqlite://x.db --dry-run --wait",
        "token create amy --all",
        "token create amy -r --grace soon",
        "token list --expiring soon",
        "token list --unused -1d",
        "completions",
        "man",
        "token revoke",
        "token revoke x",
        "token update",
        "token update 1",
        "token update x --no-expiry",
        "user update amy",
        "settings JETON_NONSENSE",
        "help settings JETON_NONSENSE",
        "client create",
        "client list x",
        "migrate x",
        "config x",
        "healthcheck x",
        "serve x",
        "import",
        "import nonsense",
        "import django",
        "import django --from",
        "import django --from sqlite://x.db --nonsense",
    ] {
        let output = jeton.run(&args.split(' ').collect::<Vec<_>>());
        assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{args}: {output:?}");
        assert!(output.stderr.contains("Usage:") || output.stderr.contains("error:"), "{args}: {output:?}");
    }
    assert_eq!(fs::read_dir(&jeton.dir).unwrap().count(), 0);
}

#[test]
fn an_unknown_action_of_the_audit_log_is_refused_and_the_known_ones_are_listed() {
    let jeton = Jeton::new();
    done(&jeton, &["migrate"]);
    for word in ["logins", "login.", "LOGIN", ""] {
        let output = jeton.run(&["audit", "--action", word]);
        assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{word}: {output:?}");
        for action in Action::ALL {
            assert!(output.stderr.contains(action.as_str()), "{word}: {output:?}");
        }
    }
    for action in Action::ALL {
        assert_eq!(done(&jeton, &["audit", "--action", action.as_str(), "--json"]), "[]\n");
    }
}

/// The process list shows arguments, so no argument may take a secret.
#[test]
fn no_argument_takes_a_secret() {
    let jeton = Jeton::new();
    for (args, secret) in [
        (&["user", "create", "amy", "--password"][..], PASSWORD),
        (&["user", "create", "amy"], PASSWORD),
        (&["user", "set-password", "amy"], PASSWORD),
        (&["config", "--secret-key"], "5a".repeat(32).as_str()),
        (&["config", "--new-secret-key"], "5a".repeat(32).as_str()),
        (&["config", "--bootstrap-admin-password"], PASSWORD),
        (&["config", "--bootstrap-client-secret"], PASSWORD),
    ] {
        let output = jeton.run(&[args, &[secret]].concat());
        assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{args:?}: {output:?}");
    }
    let help = done(&jeton, &["--help"]);
    for flag in ["--password ", "--secret-key ", "--bootstrap-admin-password ", "--bootstrap-client-secret "] {
        assert!(!help.contains(flag), "{flag}");
    }
    assert_eq!(fs::read_dir(&jeton.dir).unwrap().count(), 0);
}

#[test]
fn an_update_of_a_user_without_a_change_is_refused_in_one_sentence() {
    let output = Jeton::new().run(&["user", "update", "amy"]);
    let sentence = "error: say what to change, for example --email; `jeton user update -h` lists what can be\n";
    assert_eq!((output.status, output.stderr.as_str()), (2, sentence));
}
