//! The progress bar is shown at a terminal, and nowhere else.
#![allow(clippy::disallowed_methods, reason = "PATH, for a command with an environment of its own")]

use std::process::{Command, Stdio};

use super::{fixture, imported};
use crate::support::app::{Kind, SECRET_KEY, TestDatabase};
use crate::support::process::Process;

/// Everything that `jeton import ..` shows at a terminal.
fn at_a_terminal(target: &TestDatabase, args: &str) -> String {
    let command = format!("{} import {args}", env!("CARGO_BIN_EXE_jeton"));
    let mut script = Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).current_dir(target.folder.as_ref().unwrap()).stdin(Stdio::null());
    script.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("TERM", "xterm");
    script.env("DATABASE_URL", &target.url).env("JETON_SECRET_KEY", SECRET_KEY);
    let output = Process::start(&mut script).output();
    assert_eq!(output.status, 0, "{output:?}");
    output.stdout
}

#[test]
fn a_terminal_shows_the_progress_of_an_import_from_django() {
    let (source, target) = (fixture(Kind::Sqlite), TestDatabase::new(Kind::Sqlite));
    let shown = at_a_terminal(&target, &format!("django --from {}", source.url));
    assert!(shown.contains("importing") && shown.contains("/3010 users"), "{shown}");
    assert!(shown.contains("imported: 3010 users"), "{shown}");
    assert!(!imported(&source, &target, &[]).contains("/3010"), "there is no bar without a terminal");
}

#[test]
fn a_terminal_shows_the_progress_of_an_import_from_csv() {
    let target = TestDatabase::new(Kind::Sqlite);
    let users: String = (0..3000).map(|number| format!("u{number}\n")).collect();
    let file = target.folder.as_ref().unwrap().path().join("users.csv");
    std::fs::write(&file, format!("username\n{users}")).unwrap();
    let shown = at_a_terminal(&target, &format!("csv --from {}", file.display()));
    assert!(shown.contains("checking") && shown.contains("importing") && shown.contains("/3000 users"), "{shown}");
    assert!(shown.contains("imported 3000 users"), "{shown}");
}
