//! `clients/python`: its own tests, with pytest, against jeton, and mypy's strict look at it.

use std::process::{Command, Output};

use crate::on_both;
use crate::support::app::{App, CLIENT};
use crate::support::process::BINARY;
use crate::support::python::{self, Environment};

/// What the client's tests need beside it.
pub const REQUIREMENTS: &str = "clients/python/tests/requirements.txt";
pub const SOURCE: &str = "clients/python";

on_both! {
    fn its_tests_pass_against_the_package_as_it_is_installed(db) {
        let app = App::start(db);
        let (environment, package) = (Environment::of_file(REQUIREMENTS), tempfile::tempdir().unwrap());
        environment.install(SOURCE, package.path());
        let mut pytest = environment.python();
        pytest.args(["-m", "pytest", "--quiet", "--tb=short", "--show-capture=no"]).current_dir(python::root().join(SOURCE));
        pytest.env("PYTHONPATH", package.path()).env("TEST_JETON_URL", format!("http://{}", app.addr));
        pytest.env("TEST_JETON_CLIENT_ID", CLIENT.0).env("TEST_JETON_CLIENT_SECRET", CLIENT.1);
        // For the tests that freeze, kill and restart a jeton of their own.
        pytest.env("TEST_JETON_ADMIN_TOKEN", app.admin_token()).env("TEST_JETON_BINARY", BINARY);
        let words = succeeds(&mut pytest);
        assert!(words.contains(" passed") && !words.contains("skipped") && !words.contains("ResourceWarning"), "{words}");
    }
}

#[test]
fn its_types_are_strict() {
    let mut mypy = Environment::of_file(REQUIREMENTS).python();
    mypy.args(["-m", "mypy", "--strict", "--cache-dir"]).arg(concat!(env!("CARGO_TARGET_TMPDIR"), "/mypy"));
    succeeds(mypy.current_dir(python::root().join(SOURCE)));
}

#[track_caller]
fn succeeds(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let words = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{words}");
    words.into_owned()
}
