//! README's tour, and its line for Django projects.

use std::fs;
use std::os::unix::fs::symlink;

use super::blocks::blocks;
use super::shell::Shell;
use crate::import::fixture;
use crate::support::app::Kind;
use crate::support::process::{BINARY, Jeton};

/// The folder is as `cargo run --release` leaves it: with the binary, and the database and the key of the first start.
#[test]
fn the_tour_works_as_it_is_pasted() {
    let jeton = Jeton::new();
    let server = jeton.serve();
    let release = jeton.dir.path().join("target/release");
    fs::create_dir_all(&release).unwrap();
    symlink(BINARY, release.join("jeton")).unwrap();
    let shell = Shell::new(jeton).replace("127.0.0.1:8000", server.addr);
    // The tour itself says where the binary is.
    fs::remove_file(shell.folder().join("bin/jeton")).unwrap();
    let printed = shell.paste(&blocks("README.md", "Five minutes"));
    let mut lines = printed.lines();
    for answer in [
        "{\"non_field_errors\":[\"Unable to log in with provided credentials.\"]}",
        "{\"id\":",
        "{\"active\":true,",
        "HTTP/1.1 200 OK",
        "Generated token ",
        "{\"active\":false}",
        "revoked",
    ] {
        assert!(lines.any(|line| line.starts_with(answer)), "no line begins with {answer} where it should: {printed}");
    }
}

#[test]
fn a_django_project_is_tried() {
    let project = fixture(Kind::Postgres);
    let shell = Shell::new(Jeton::new()).replace("postgres://django@db.example.com/shop", &project.url);
    shell.paste(&blocks("README.md", "From Django"));
}
