//! Secrets from files, and hidden secrets.

use std::fs;
use std::path::PathBuf;

use super::{line_of, refused};
use crate::commands::{done, introspect_status, try_login};
use crate::support::process::Jeton;

const KEY: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
const SECRETS: [&str; 4] = [
    "JETON_SECRET_KEY",
    "JETON_SECRET_KEY_FALLBACKS",
    "JETON_BOOTSTRAP_ADMIN_PASSWORD",
    "JETON_BOOTSTRAP_CLIENT_SECRET",
];

fn file(jeton: &Jeton, name: &str, text: &str) -> String {
    let path: PathBuf = jeton.dir.path().join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A jeton with the settings that the two bootstrap secrets require.
fn new() -> Jeton {
    Jeton::new().env("JETON_BOOTSTRAP_ADMIN", "root").env("JETON_BOOTSTRAP_CLIENT_ID", "billing")
}

fn all_but(jeton: Jeton, name: &str) -> Jeton {
    let others = SECRETS.iter().filter(|other| **other != name);
    others.fold(jeton, |jeton, other| jeton.env(other, KEY))
}

#[test]
fn a_secret_and_its_file_at_once_are_refused_naming_the_file() {
    for name in SECRETS {
        let jeton = all_but(new(), name);
        let path = file(&jeton, "secret", KEY);
        let words =
            refused(&jeton.env(name, KEY).env(&format!("{name}_FILE"), path), &["config"], &format!("{name}_FILE"));
        assert!(words.contains(&format!("{name} ")) && !words.contains(KEY), "{words}");
    }
}

#[test]
fn a_stronger_source_wins_whether_it_has_the_value_or_names_a_file() {
    let source = |jeton: &Jeton, args: &[&str]| line_of(&jeton.run(args), "DATABASE_URL");
    let jeton = Jeton::new().env("DATABASE_URL_FILE", "in-file");
    file(&jeton, "in-file", "sqlite://file.db\n");
    assert_eq!(source(&jeton, &["config"]), ("sqlite://file.db".to_owned(), "environment".to_owned()));
    file(&jeton, ".env", "DATABASE_URL=sqlite://dot-env.db\n");
    assert_eq!(source(&jeton, &["config"]).0, "sqlite://file.db", "the environment wins over .env");
    assert_eq!(source(&jeton, &["config", "--database-url", "sqlite://flag.db"]).0, "sqlite://flag.db");

    let jeton = Jeton::new().env("DATABASE_URL", "sqlite://environment.db");
    file(&jeton, "in-file", "sqlite://file.db");
    file(&jeton, ".env", "DATABASE_URL_FILE=in-file\n");
    assert_eq!(source(&jeton, &["config"]).0, "sqlite://environment.db");
    let by_flag = source(&jeton, &["config", "--database-url-file", "in-file"]);
    assert_eq!(by_flag, ("sqlite://file.db".to_owned(), "flag".to_owned()));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    for name in SECRETS {
        let variable = format!("{name}_FILE");
        let jeton = all_but(new(), name).env(&variable, "no-such-file");
        assert!(refused(&jeton, &["config"], &variable).contains("no-such-file"));
        let jeton = all_but(new(), name).env(&variable, "/");
        refused(&jeton, &["config"], &variable);
    }
}

#[test]
fn only_one_line_end_is_removed_from_a_file() {
    let jeton = Jeton::new()
        .env("JETON_ARGON2_MEMORY_KIB", "64")
        .env("JETON_ARGON2_ITERATIONS", "1")
        .env("JETON_BOOTSTRAP_ADMIN_FILE", "admin")
        .env("JETON_BOOTSTRAP_ADMIN_PASSWORD_FILE", "password")
        .env("JETON_BOOTSTRAP_CLIENT_ID", "billing")
        .env("JETON_BOOTSTRAP_CLIENT_SECRET_FILE", "secret")
        .env("JETON_SECRET_KEY_FILE", "key");
    for (name, text) in [
        ("admin", "root\r\n"),
        ("password", " a quiet harbour at noon\n\n"),
        ("secret", "a client secret with a blank at its end \n"),
        ("key", &format!("{KEY}\n")),
    ] {
        file(&jeton, name, text);
    }
    let server = jeton.serve();
    assert_eq!(try_login(&server, "root", " a quiet harbour at noon\n").status, 200);
    assert_eq!(try_login(&server, "root", " a quiet harbour at noon").status, 400);
    assert_eq!(introspect_status(&server, "billing", "a client secret with a blank at its end "), 200);
}

#[test]
fn config_hides_every_secret() {
    let jeton =
        all_but(new(), "").env("DATABASE_URL", "postgres://amy:hunter22@db/jeton?sslpassword=hunter23&user=amy");
    let output = jeton.run(&["config"]);
    for name in SECRETS {
        let (value, source) = line_of(&output, name);
        assert!(!value.contains("5a") && value.contains('*') && source == "environment", "{name} {value}");
    }
    let (url, _) = line_of(&output, "DATABASE_URL");
    assert!(url.starts_with("postgres://amy:") && url.contains("@db/jeton") && !url.contains("hunter"), "{url}");
    assert!(!output.stdout.contains("5a5a") && !output.stdout.contains("hunter"));
    // A value from a file is hidden too, and shown as set.
    let jeton = Jeton::new().env("DATABASE_URL_FILE", "url");
    file(&jeton, "url", "postgres://amy:hunter22@db/jeton");
    assert!(!done(&jeton, &["config"]).contains("hunter22"));
}
