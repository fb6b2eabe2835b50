//! Flags, the environment, `.env`: precedence; unknown names; commands that open no database.

use std::fs;

use super::{line_of, refused};
use crate::support::process::Jeton;

fn with_dot_env(jeton: Jeton, text: &str) -> Jeton {
    fs::write(jeton.dir.path().join(".env"), text).unwrap();
    jeton
}

fn pair(value: &str, source: &str) -> (String, String) {
    (value.to_owned(), source.to_owned())
}

#[test]
fn a_flag_wins_over_the_environment_and_the_environment_over_dot_env() {
    let jeton =
        with_dot_env(Jeton::new(), "JETON_WORKERS=3\nJETON_DATABASE_POOL=4\n# a comment\nJETON_LOG='warn'\nOTHER=1\n")
            .env("JETON_WORKERS", "5")
            .env("JETON_LOGIN_QUEUE", "6");
    let output = jeton.run(&["config"]);
    assert_eq!(line_of(&output, "JETON_WORKERS"), pair("5", "environment"));
    assert_eq!(line_of(&output, "JETON_DATABASE_POOL"), pair("4", ".env"));
    assert_eq!(line_of(&output, "JETON_LOG"), pair("warn", ".env"));
    assert_eq!(line_of(&output, "JETON_LOGIN_QUEUE"), pair("6", "environment"));
    assert_eq!(line_of(&output, "JETON_RETENTION"), pair("30d", "default"));
    for args in [&["--workers", "7", "config"][..], &["config", "--workers", "7"], &["config", "--workers=7"]] {
        assert_eq!(line_of(&jeton.run(args), "JETON_WORKERS"), pair("7", "flag"), "{args:?}");
    }
}

#[test]
fn a_flag_is_accepted_anywhere_among_the_words_of_a_command() {
    for args in [
        ["--database-url", "sqlite://a.db", "user", "list", "--json"],
        ["user", "--database-url", "sqlite://a.db", "list", "--json"],
        ["user", "list", "--database-url", "sqlite://a.db", "--json"],
    ] {
        let jeton = Jeton::new();
        assert_eq!(jeton.run(&["migrate", "--database-url", "sqlite://a.db"]).status, 0);
        let output = jeton.run(&args);
        assert_eq!((output.status, output.stdout.as_str()), (0, "[]\n"), "{output:?}");
        assert!(jeton.dir.path().join("a.db").exists() && !jeton.dir.path().join("jeton.db").exists(), "{args:?}");
    }
}

#[test]
fn an_unknown_setting_is_refused_by_name() {
    for name in ["JETON_NONSENSE", "JETON_TOKEN_TTLS", "JETON_LISTEN_FILE", "JETON_"] {
        refused(&Jeton::new().env(name, "1"), &["config"], name);
        refused(&Jeton::new().env(name, "1"), &["serve"], name);
        refused(&with_dot_env(Jeton::new(), &format!("{name}=1\n")), &["config"], name);
    }
    let output = Jeton::new().run(&["--nonsense", "1", "config"]);
    assert_eq!((output.status, output.stdout.as_str()), (2, ""));
    assert_eq!(
        Jeton::new().env("jeton_nonsense", "1").env("NONSENSE", "1").run(&["config"]).status,
        0,
        "other names are ignored"
    );
}

#[test]
fn variables_that_kubernetes_sets_for_a_service_named_jeton_are_ignored() {
    let jeton = [
        ("JETON_SERVICE_HOST", "10.96.0.7"),
        ("JETON_SERVICE_PORT", "8000"),
        ("JETON_PORT", "tcp://10.96.0.7:8000"),
        ("JETON_PORT_8000_TCP_ADDR", "10.96.0.7"),
    ]
    .into_iter()
    .fold(Jeton::new(), |jeton, (name, value)| jeton.env(name, value));
    assert_eq!(line_of(&jeton.run(&["config"]), "JETON_LISTEN"), pair("127.0.0.1:8000", "default"));
    refused(&Jeton::new().env("JETON_PORT", "8000"), &["config"], "JETON_PORT");
    refused(&with_dot_env(Jeton::new(), "JETON_PORT=tcp://10.96.0.7:8000\n"), &["config"], "JETON_PORT");
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let output = Jeton::new()
        .env("JETON_LISTEN", "")
        .env("JETON_SECRET_KEY", "")
        .env("JETON_SECRET_KEY_FILE", "")
        .run(&["config"]);
    assert_eq!(line_of(&output, "JETON_LISTEN"), pair("127.0.0.1:8000", "default"));
}

#[test]
fn an_invalid_dot_env_is_refused_without_printing_its_content() {
    let jeton = with_dot_env(Jeton::new(), "JETON_WORKERS=3\nJETON_SECRET_KEY='hunter22\n");
    let words = refused(&jeton, &["config"], ".env");
    assert!(!words.contains("hunter22"), "{words}");
}

#[test]
fn a_fault_of_dot_env_is_named_with_its_line() {
    for (text, name, line) in [
        ("# one\n\nJETON_WORKERS=none\n", "JETON_WORKERS", "(.env, line 3)"),
        ("JETON_LOG=warn\r\n  # two\r\nexport JETON_WORKERS=0", "JETON_WORKERS", "(.env, line 3)"),
        ("OTHER='one\ntwo\nthree'\nJETON_WORKERS=x\n", "JETON_WORKERS", "(.env, line 4)"),
        ("JETON_WORKERS=2\nJETON_WORKERS=x\n", "JETON_WORKERS", "(.env, line 2)"),
        ("\n\nJETON_NONSENSE=1\n", "JETON_NONSENSE", "(.env, line 3)"),
        ("\nJETON_SECRET_KEY_FILE=missing\n", "JETON_SECRET_KEY_FILE", "(.env, line 2)"),
        ("\u{feff}JETON_WORKERS=x\n", "JETON_WORKERS", "(.env, line 1)"),
        ("JETON_LOG=warn\nJETON WORKERS=3\n", ".env", ": line 2 cannot be read"),
        ("JETON_LOG=warn\n# it's\n\nOTHER=two words\nJETON_WORKERS=3\n", ".env", ": line 4 cannot be read"),
        ("JETON_LOG=warn\nOTHER='hunter22\n\nJETON_WORKERS=3\n", ".env", ": line 2 cannot be read"),
    ] {
        let words = refused(&with_dot_env(Jeton::new(), text), &["config"], name);
        assert!(words.contains(line) && !words.contains("hunter22"), "{text:?}: {words}");
    }
    let jeton = Jeton::new();
    fs::write(jeton.dir.path().join(".env"), b"JETON_LOG=warn\nOTHER=\xff\n").unwrap();
    assert!(refused(&jeton, &["config"], ".env").contains("line 2 is not UTF-8"));
    let elsewhere = with_dot_env(Jeton::new(), "JETON_WORKERS=3\n").env("JETON_WORKERS", "x");
    assert!(!refused(&elsewhere, &["config"], "JETON_WORKERS").contains(".env"), "the environment overrides it");
    let long = format!("# {}\nOTHER={}\nJETON_WORKERS=x\n", "x".repeat(20_000), "y".repeat(20_000));
    assert!(refused(&with_dot_env(Jeton::new(), &long), &["config"], "JETON_WORKERS").contains("line 3"));
}

#[test]
fn commands_that_need_no_database_open_none_and_create_no_file() {
    // Opening any of these would be an error.
    for url in ["sqlite://jeton.db", "sqlite://no/such/folder/x.db", "postgres://amy@127.0.0.1:1/nothing"] {
        let jeton = Jeton::new().env("DATABASE_URL", url).env("JETON_LISTEN", "127.0.0.1:1");
        for (args, status) in [
            (&["config"][..], 0),
            (&["--help"], 0),
            (&["help"], 0),
            (&["user", "create", "--help"], 0),
            (&["--version"], 0),
            (&["help", "settings"], 0),
            (&["completions", "bash"], 0),
            (&["healthcheck"], 1),
        ] {
            let output = jeton.run(args);
            assert_eq!(output.status, status, "{args:?}: {output:?}");
            assert_eq!((output.stdout.is_empty(), output.stderr.is_empty()), (status != 0, status == 0), "{output:?}");
        }
        assert_eq!(fs::read_dir(&jeton.dir).unwrap().count(), 0, "{url}");
    }
}

#[test]
fn help_works_whatever_the_environment() {
    let output = Jeton::new().env("JETON_NONSENSE", "1").env("DATABASE_URL", "").run(&["--help"]);
    assert_eq!((output.status, output.stderr.as_str()), (0, ""));
}
