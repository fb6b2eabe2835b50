//! The source is only read, whatever its journal.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{file_of, fixture, imported, small};
use crate::commands::jeton;
use crate::support::app::{Kind, TestDatabase};

/// The names and contents of the files in a folder.
fn folder(path: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(Path::new(path).parent().unwrap()).unwrap().map(Result::unwrap);
    let mut files: Vec<_> =
        entries.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn an_sqlite_file_is_unchanged_and_no_file_is_created_beside_it() {
    for journal in ["delete", "wal"] {
        let source = small(Kind::Sqlite);
        source.sql(&format!("pragma journal_mode = {journal}"));
        let before = folder(file_of(&source));
        assert_eq!(before.len(), 1, "{journal}");
        imported(&source, &TestDatabase::new(Kind::Sqlite), &[]);
        assert!(folder(file_of(&source)) == before, "{journal}");
    }
}

#[test]
fn rows_in_an_existing_wal_file_are_imported_too() {
    let source = small(Kind::Sqlite);
    let copy = TestDatabase::new(Kind::Sqlite);
    let (from, to) = (file_of(&source), file_of(&copy));
    // A killed project leaves these files: the newest rows are only in the WAL file.
    let mut project = Command::new("sqlite3");
    project.arg(from).arg("pragma journal_mode = wal; pragma wal_autocheckpoint = 0").arg(
        "insert into auth_user values (9, '!x', null, false, 'new', '', '', '', false, true, '2026-01-01 00:00:00')",
    );
    project.arg(format!(".system cp {from} {to}; cp {from}-wal {to}-wal"));
    assert!(project.output().unwrap().status.success());
    let (file, log) = (fs::read(to).unwrap(), fs::read(format!("{to}-wal")).unwrap());
    assert!(!log.is_empty());
    let words = imported(&copy, &TestDatabase::new(Kind::Sqlite), &[]);
    assert_eq!(words, "imported: 4 users, 3 groups, 1 DRF token, 1 Knox token\n");
    assert!(fs::read(to).unwrap() == file && fs::read(format!("{to}-wal")).unwrap() == log);
}

#[test]
fn a_path_may_have_characters_that_a_uri_may_not() {
    let source = small(Kind::Sqlite);
    let jeton = jeton(&TestDatabase::new(Kind::Sqlite)).env("DATABASE_URL", "sqlite://target.db");
    let name = "a %20?b#c&mode=rwc é.db";
    fs::copy(file_of(&source), jeton.dir.path().join(name)).unwrap();
    let output = jeton.env("JETON_LOG", "warn").run(&["import", "django", "--from", &format!("sqlite://{name}")]);
    assert_eq!(output.stderr, "imported: 3 users, 3 groups, 1 DRF token, 1 Knox token\n");
}

#[test]
fn a_role_that_may_only_read_is_enough_for_postgresql() {
    let source = fixture(Kind::Postgres);
    let role = format!("reader_{}", std::process::id());
    source.sql(&format!("create role {role} login; alter role {role} set datestyle = 'German'; grant select on all tables in schema public to {role}"));
    let url = source.url.replace("jeton@", &format!("{role}@"));
    let reader = TestDatabase { url, folder: None, postgres: None };
    imported(&reader, &TestDatabase::new(Kind::Sqlite), &[]);
    source.sql(&format!("drop owned by {role}; drop role {role}"));
}

#[test]
fn dates_do_not_depend_on_the_time_zone_of_the_role() {
    let (source, target) = (small(Kind::Postgres), TestDatabase::new(Kind::Sqlite));
    let role = format!("local_{}", std::process::id());
    // Before 1883 the time of New York was 4 h 56 min 2 s behind UTC.
    source.sql(&format!(
        "create role {role} login; alter role {role} set timezone = 'America/New_York';
         grant select on all tables in schema public to {role};
         update auth_user set date_joined = '1880-01-01 00:00:00+00' where id = 1"
    ));
    let url = source.url.replace("jeton@", &format!("{role}@"));
    let reader = TestDatabase { url, folder: None, postgres: None };
    imported(&reader, &target, &[]);
    source.sql(&format!("drop owned by {role}; drop role {role}"));
    assert_eq!(target.sql("select date_joined from users where id = 1"), "1880-01-01 00:00:00");
}

#[test]
fn the_time_outs_of_requests_do_not_apply_to_imports() {
    let (source, target) = (small(Kind::Postgres), TestDatabase::new(Kind::Postgres));
    let role = format!("hasty_{}", std::process::id());
    source.sql(&format!(
        "create role {role} login; alter role {role} set statement_timeout = '500ms';
         create view slow as select auth_user.*, pg_sleep(0.2)::text as nap from auth_user;
         grant select on all tables in schema public to {role}"
    ));
    // The view takes 0.6 s for three rows: more than the role's time-out. The whole import takes longer than jeton's.
    let url = source.url.replace("jeton@", &format!("{role}@"));
    let jeton = jeton(&target).env("JETON_DATABASE_TIMEOUT", "1s");
    let output = jeton.run(&["import", "django", "--from", &url, "--user-table", "slow"]);
    source.sql(&format!("drop owned by {role}; drop role {role}"));
    assert_eq!(output.status, 0, "{output:?}");
    assert_eq!(target.sql("select count(*) from users"), "3");
}
