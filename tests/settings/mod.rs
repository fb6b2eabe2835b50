//! The settings: their sources and precedence, error messages for bad values, and what `jeton config` and the
//! documentation show.

mod database_url;
mod documented;
mod files;
mod sources;
mod values;

use std::fs;

use crate::support::process::{Jeton, Output};

/// Name, value and source of one setting, as `jeton config` prints it.
#[track_caller]
fn line_of(output: &Output, name: &str) -> (String, String) {
    assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{output:?}");
    let line = output.stdout.lines().find(|line| line.split(' ').next() == Some(name));
    let rest = line.unwrap_or_else(|| panic!("no {name}: {output:?}")).strip_prefix(name).unwrap();
    let (value, source) = rest.trim_start().rsplit_once(' ').unwrap();
    (value.to_owned(), source.to_owned())
}

/// The command must fail with one line that names the setting, and create no file. Returns the line.
#[track_caller]
fn refused(jeton: &Jeton, args: &[&str], name: &str) -> String {
    let before = fs::read_dir(&jeton.dir).unwrap().count();
    let output = jeton.run(args);
    assert!(matches!(output.status, 1 | 2) && output.stdout.is_empty(), "{output:?}");
    assert!(output.stderr.starts_with(&format!("error: {name}: ")), "{name}: {output:?}");
    assert_eq!(output.stderr.lines().count(), 1, "one fault is one line: {output:?}");
    assert_eq!(fs::read_dir(&jeton.dir).unwrap().count(), before);
    output.stderr
}
