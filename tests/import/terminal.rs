//! The progress bar: at a terminal, and nowhere else.
#![allow(clippy::disallowed_methods, reason = "PATH, for a command with an environment of its own")]

use std::process::{Command, Stdio};

use super::{fixture, imported};
use crate::support::app::{Kind, SECRET_KEY, TestDatabase};
use crate::support::process::Process;

#[test]
fn a_terminal_shows_how_far_it_is() {
    let (source, target) = (fixture(Kind::Sqlite), TestDatabase::new(Kind::Sqlite));
    let command = format!("{} import django --from {}", env!("CARGO_BIN_EXE_jeton"), source.url);
    let mut script = Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).current_dir(target.folder.as_ref().unwrap()).stdin(Stdio::null());
    script.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("TERM", "xterm");
    script.env("DATABASE_URL", &target.url).env("JETON_SECRET_KEY", SECRET_KEY);
    let output = Process::start(&mut script).output();
    assert_eq!(output.status, 0, "{output:?}");
    assert!(output.stdout.contains("importing") && output.stdout.contains("/3010 users"), "{output:?}");
    assert!(output.stdout.contains("imported: 3010 users"), "{output:?}");
    assert!(!imported(&source, &target, &[]).contains("/3010"), "no terminal, no bar");
}
