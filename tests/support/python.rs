//! What comes as a Python package: a virtual environment for each set of them, made at the first need and kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, id};
use std::sync::{Mutex, PoisonError};

/// The libraries that tests use as clients. Pinned, so that a test that passed yesterday passes today.
const LIBRARIES: [&str; 2] = ["Authlib==1.6.5", "requests==2.32.5"];

/// Runs a script with `arguments` and gives what it prints.
#[track_caller]
pub fn run(script: &str, arguments: &[&str]) -> String {
    // Its HTTP must reach a server on this machine, whatever proxies the machine has.
    let mut python = Command::new(program("python", &LIBRARIES));
    let output = python.args(["-I", "-c", script]).args(arguments).env("NO_PROXY", "*").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A program of these packages.
pub fn program(name: &str, packages: &[&str]) -> PathBuf {
    static MAKING: Mutex<()> = Mutex::new(());
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("venv-{}", packages.join("-").replace("==", "-")));
    let program = place.join("bin").join(name);
    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    if !program.exists() {
        make(&place, packages);
    }
    program
}

/// Beside its place at first: what is in its place is whole, even when two test runs make it at once.
fn make(place: &Path, packages: &[&str]) {
    let unfinished = place.with_extension(format!("{}.unfinished", id()));
    let venv = Command::new("python3").args(["-m", "venv"]).arg(&unfinished).output();
    let venv = venv.unwrap_or_else(|error| panic!("python3, which tests need: {error}; apt-get install python3-venv"));
    let words = String::from_utf8_lossy(&venv.stdout) + String::from_utf8_lossy(&venv.stderr);
    assert!(venv.status.success(), "the tests need python3 -m venv: apt-get install python3-venv\n{words}");
    let mut pip = Command::new(unfinished.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    let pip = pip.output().unwrap();
    assert!(pip.status.success(), "pip cannot install {packages:?}:\n{}", String::from_utf8_lossy(&pip.stderr));
    if fs::rename(&unfinished, place).is_err() {
        assert!(place.exists(), "{} cannot be put in its place", unfinished.display());
        fs::remove_dir_all(unfinished).ok(); // another was faster
    }
}
