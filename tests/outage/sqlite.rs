//! SQLite's file is locked by another process, cannot be written, was replaced, or is not a database.

use std::fs;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::{RECOVERY, assert_database_down, assert_recovers, timed};
use crate::support::app::{ADMIN, App, Kind};
use crate::support::calls::PASSWORD;
use crate::support::eventually;
use crate::support::http::Request;
use crate::support::process::Jeton;
use crate::support::session::Session;

#[test]
fn while_another_process_writes_reads_work_and_writes_get_503() {
    let app = App::start(Kind::Sqlite);
    let token = app.admin_token();
    let new_user = |name: &str| {
        let body = json!({"username": name, "password": PASSWORD});
        timed(&app, Request::new("POST", "/admin/users/").token(&token).json(&body))
    };
    let mut session = Session::open(&app.database);
    session.run("begin exclusive;");
    let (answer, took) = new_user("alice");
    assert_eq!((answer.status, answer.header("Retry-After").as_deref()), (503, Some("1")), "{answer:?}");
    assert!(answer.json()["detail"].is_string() && took < Duration::from_secs(5), "{took:?}");
    assert_eq!(app.introspect(&token)["active"], true);
    assert_eq!(app.try_login(ADMIN.0, ADMIN.1).status, 503, "a login is written to the audit log");
    assert_eq!(app.send(Request::new("GET", "/readyz")).status, 200);
    session.run("commit;");
    eventually("a write", RECOVERY, || (new_user("bob").0.status == 201).then_some(()));
}

#[test]
fn a_write_that_got_503_is_not_done_later() {
    let app = App::start(Kind::Sqlite);
    let token = app.admin_token();
    let mut session = Session::open(&app.database);
    session.run("begin exclusive;");
    let answers = std::thread::scope(|scope| {
        let regenerate = || app.send(Request::new("POST", "/admin/users/admin/regenerate").token(&token)).status;
        let threads: Vec<_> = (0..5).map(|_| scope.spawn(regenerate)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(answers, [503; 5]);
    session.run("commit;");
    let body = json!({"username": "bob", "password": PASSWORD});
    eventually("a write", RECOVERY, || {
        let answer = app.send(Request::new("POST", "/admin/users/").token(&token).json(&body));
        assert_ne!(answer.status, 401, "the key was revoked by a request that got 503");
        (answer.status == 201).then_some(())
    });
    assert_eq!(app.admin_token(), token);
}

#[test]
fn a_file_that_is_not_a_database_is_unchanged() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notes.txt");
    let text = "dear diary, ".repeat(100);
    fs::write(&path, &text).unwrap();
    let jeton = Jeton::new().env("DATABASE_URL", format!("sqlite://{}", path.display()));
    let output = jeton.run(&["serve"]);
    assert_eq!(output.status, 1, "{output:?}");
    assert!(output.stderr.contains("file is not a database"), "{}", output.stderr);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn a_file_that_cannot_be_created_or_written_is_named() {
    for path in ["/proc/jeton.db", "/proc/version"] {
        let output = Jeton::new().env("DATABASE_URL", format!("sqlite://{path}")).run(&["serve"]);
        assert_eq!(output.status, 1, "{output:?}");
        let last = output.stderr.lines().last().unwrap();
        assert!(last.starts_with("error: ") && last.contains(path), "{}", output.stderr);
    }
}

#[test]
fn a_file_that_was_moved_away_or_replaced_is_not_written_any_more() {
    let app = App::start(Kind::Sqlite);
    let token = app.admin_token();
    let path = app.database.folder.as_ref().unwrap().path().join("jeton.db");
    let aside = path.with_extension("aside");
    fs::rename(&path, &aside).unwrap();
    assert_database_down(&app, &token);
    assert!(!path.exists(), "no new file was created");
    fs::copy(&aside, &path).unwrap();
    assert_database_down(&app, &token);
    fs::rename(&aside, &path).unwrap();
    assert_recovers(&app, &token);
}
