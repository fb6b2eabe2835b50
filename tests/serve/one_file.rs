//! SQLite's file and its WAL file, here called its log. After a stop and without recent writes everything is in one
//! file, a crash loses nothing, and no log is replayed over a file to which it does not belong.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{LIMIT, bare, refuses_to_start};
use crate::commands::{PASSWORD, create_user, done, jeton as jeton_on, login, migrated, refused, try_login};
use crate::support::app::{Kind, TestDatabase};
use crate::support::eventually;
use crate::support::process::{Jeton, Serving};
use crate::support::session::Session;

fn folder_of(database: &TestDatabase) -> &Path {
    database.folder.as_ref().unwrap().path()
}

fn file_of(database: &TestDatabase) -> PathBuf {
    folder_of(database).join("jeton.db")
}

fn log_of(database: &TestDatabase) -> PathBuf {
    folder_of(database).join("jeton.db-wal")
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The names and contents of all files in a folder.
fn content_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    names(folder).into_iter().map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

fn size(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |file| file.len())
}

#[track_caller]
fn stop(server: Serving) {
    server.signal("TERM");
    assert_eq!(server.wait(LIMIT).code(), Some(0));
}

fn users(jeton: &Jeton) -> Vec<String> {
    let table = done(jeton, &["user", "list"]);
    table.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1).map(str::to_owned)).collect()
}

/// A copy of the file alone, in a folder of its own.
fn copy_of(database: &TestDatabase) -> TestDatabase {
    let copy = TestDatabase::new(Kind::Sqlite);
    fs::copy(file_of(database), file_of(&copy)).unwrap();
    copy
}

/// An open read transaction, so that SQLite keeps the log.
fn reader(database: &TestDatabase) -> Session {
    let mut session = Session::open(database);
    session.run("begin; select count(*) from users;");
    session
}

/// Kills a server, so that its log stays, and ends the reader.
fn kill(server: Serving, reader: Session, database: &TestDatabase) {
    server.signal("KILL");
    server.wait(LIMIT);
    drop(reader);
    assert!(size(&log_of(database)) > 0, "there is a log");
}

#[test]
fn a_clean_stop_leaves_one_file() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    create_user(&jeton, "amy", &[]);
    for signal in ["TERM", "INT"] {
        let server = jeton.serve();
        let key = login(&server, "amy");
        assert_eq!(names(folder_of(&database)), ["jeton.db", "jeton.db-shm", "jeton.db-wal"]);
        server.signal(signal);
        assert_eq!(server.wait(LIMIT).code(), Some(0));
        assert_eq!(names(folder_of(&database)), ["jeton.db"], "{signal}");
        let copy = copy_of(&database);
        assert_eq!(login(&jeton_on(&copy).serve(), "amy"), key, "the copy is complete");
    }
}

#[test]
fn a_start_that_fails_leaves_one_file() {
    let database = TestDatabase::new(Kind::Sqlite);
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    refuses_to_start(&jeton_on(&database).env("JETON_LISTEN", other.local_addr().unwrap().to_string()));
    assert_eq!(names(folder_of(&database)), ["jeton.db"]);
    refuses_to_start(&jeton_on(&database).env("JETON_SECRET_KEY", "5a".repeat(32)));
    assert_eq!(names(folder_of(&database)), ["jeton.db"]);
}

#[test]
fn commands_leave_one_file() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    fs::write(jeton.dir.path().join("users.csv"), "username\nbob\n").unwrap();
    for command in [
        "migrate",
        "user create amy --no-password",
        "user list",
        "user show amy",
        "token create amy",
        "token list",
        "client create billing",
        "import csv --from users.csv --dry-run",
        "import csv --from users.csv",
        "audit",
    ] {
        done(&jeton, &command.split(' ').collect::<Vec<_>>());
        assert_eq!(names(folder_of(&database)), ["jeton.db"], "{command}");
    }
    for command in ["user create amy --no-password", "user show nobody", "token revoke 99"] {
        refused(&jeton, &command.split(' ').collect::<Vec<_>>());
        assert_eq!(names(folder_of(&database)), ["jeton.db"], "{command}");
    }
}

#[test]
fn without_recent_writes_a_copy_of_the_file_is_a_backup() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    create_user(&jeton, "amy", &[]);
    let server = jeton.serve();
    for round in 0..2 {
        login(&server, "amy");
        let user = format!("user{round}");
        done(&jeton, &["user", "create", &user, "--no-password"]);
        eventually("an empty log", LIMIT, || (size(&log_of(&database)) == 0).then_some(()));
        let copy = copy_of(&database);
        assert!(users(&jeton_on(&copy)).contains(&user));
    }
}

#[test]
fn a_crash_loses_nothing() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    create_user(&jeton, "amy", &[]);
    let mut key = String::new();
    for round in 0..3 {
        let server = jeton.serve();
        let reader = reader(&database);
        let again = login(&server, "amy");
        assert!(key.is_empty() || key == again);
        key = again;
        done(&jeton, &["user", "create", &format!("user{round}"), "--no-password"]);
        kill(server, reader, &database);
        assert_eq!(users(&jeton).len(), round + 2);
    }
    // The two files can be moved to another machine.
    let server = jeton.serve();
    let reader = reader(&database);
    done(&jeton, &["user", "create", "last", "--no-password"]);
    kill(server, reader, &database);
    let moved = copy_of(&database);
    fs::copy(log_of(&database), log_of(&moved)).unwrap();
    let jeton = jeton_on(&moved);
    assert!(users(&jeton).contains(&"last".into()));
    assert_eq!(login(&jeton.serve(), "amy"), key);
}

#[test]
fn writes_of_other_programs_before_a_crash_are_not_lost() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    create_user(&jeton, "amy", &[]);
    for statement in [
        "insert into groups (name) values ('crew')",
        "create table extra (x); insert into extra values (1)",
        "create table more (x); insert into groups (name) values ('guests')",
    ] {
        let mut session = Session::open(&database);
        session.run(&format!("pragma wal_autocheckpoint = 0; {statement};"));
        drop(session);
        assert!(size(&log_of(&database)) > 0);
        login(&jeton.serve(), "amy");
    }
    assert_eq!(database.sql("select count(*) from groups, extra"), "2");
}

#[test]
fn a_symbolic_link_to_the_database_works_the_same() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    create_user(&jeton, "amy", &[]);
    let backup = copy_of(&database);
    let link = jeton.dir.path().join("link.db");
    std::os::unix::fs::symlink(file_of(&database), &link).unwrap();
    let url = format!("sqlite://{}", link.display());
    let linked = jeton_on(&TestDatabase { url, folder: None, postgres: None });
    let server = linked.serve();
    login(&server, "amy");
    eventually("an empty log", LIMIT, || (size(&log_of(&database)) == 0).then_some(()));
    let reader = reader(&database);
    done(&linked, &["user", "create", "bob", "--no-password"]);
    kill(server, reader, &database);
    fs::copy(file_of(&backup), file_of(&database)).unwrap();
    assert!(refused(&linked, &["user", "list"]).contains("does not belong"));
}

#[test]
fn a_log_is_not_replayed_over_a_backup() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    create_user(&jeton, "amy", &[]);
    let copies = tempfile::TempDir::new().unwrap();
    let copy_to = |name: &str| copies.path().join(name).to_str().unwrap().to_owned();
    let stopped = copy_to("stopped");
    fs::copy(file_of(&database), &stopped).unwrap();
    let server = jeton.serve();
    login(&server, "amy");
    eventually("an empty log", LIMIT, || (size(&log_of(&database)) == 0).then_some(()));
    let at_rest = copy_to("at rest");
    fs::copy(file_of(&database), &at_rest).unwrap();
    done(&jeton, &["user", "create", "bob", "--no-password"]);
    let reader = reader(&database);
    done(&jeton, &["user", "create", "dan", "--no-password"]);
    let (ours, theirs, vacuumed) = (copy_to("ours"), copy_to("theirs"), copy_to("vacuumed"));
    done(&jeton, &["backup", &ours]);
    database.sql(&format!(".backup '{theirs}'"));
    database.sql(&format!("vacuum into '{vacuumed}'"));
    done(&jeton, &["user", "create", "cleo", "--no-password"]);
    kill(server, reader, &database);
    let crash = content_of(folder_of(&database));

    for (copy, user_count) in [(stopped, 1), (at_rest, 1), (ours, 3), (theirs, 3), (vacuumed, 3)] {
        fs::copy(&copy, file_of(&database)).unwrap();
        let before = content_of(folder_of(&database));
        for command in ["serve", "migrate", "user list", "user create eve --no-password", "token list"] {
            let why = refused(&jeton, &command.split(' ').collect::<Vec<_>>());
            assert!(
                why.contains("jeton.db-wal does not belong to ") && why.contains("remove "),
                "{copy}: {command}: {why}"
            );
            assert!(content_of(folder_of(&database)) == before, "{copy}: {command} changes nothing");
        }
        for suffix in ["-wal", "-shm"] {
            fs::remove_file(folder_of(&database).join(format!("jeton.db{suffix}"))).unwrap();
        }
        assert_eq!(users(&jeton).len(), user_count, "{copy}: without the log it starts");
        assert_eq!(try_login(&jeton.serve(), "amy", PASSWORD).status, 200);
        for (name, bytes) in &crash {
            fs::write(folder_of(&database).join(name), bytes).unwrap();
        }
    }
    assert_eq!(users(&jeton), ["amy", "bob", "dan", "cleo"], "the files that the crash left still work");
}

/// The server has written to its log, and another process has emptied the log since.
#[test]
fn a_log_that_another_process_has_emptied_before_is_not_replayed_over_a_backup() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    for name in ["amy", "bob"] {
        create_user(&jeton, name, &[]);
    }
    let server = jeton.serve();
    login(&server, "amy");
    let copies = tempfile::TempDir::new().unwrap();
    let [at_rest, ours] = ["at rest", "ours"].map(|name| copies.path().join(name));
    done(&jeton, &["user", "create", "cleo", "--no-password"]);
    done(&jeton, &["backup", ours.to_str().unwrap()]);
    eventually("an empty log", LIMIT, || (size(&log_of(&database)) == 0).then_some(()));
    fs::copy(file_of(&database), &at_rest).unwrap();
    let key = login(&server, "bob");
    server.signal("KILL");
    server.wait(LIMIT);
    let crash = content_of(folder_of(&database));
    for copy in [at_rest, ours] {
        fs::copy(&copy, file_of(&database)).unwrap();
        let output = jeton.run(&["token", "list", "bob", "--json"]);
        if output.status == 0 {
            assert_eq!(output.stdout.trim(), "[]", "{copy:?}: it has the backup's state");
        } else {
            assert!(output.stderr.contains("does not belong"), "{copy:?}: {output:?}");
        }
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(folder_of(&database).join(format!("jeton.db{suffix}")));
        }
        for (name, bytes) in &crash {
            fs::write(folder_of(&database).join(name), bytes).unwrap();
        }
    }
    assert_eq!(login(&jeton.serve(), "bob"), key, "the files that the crash left still work");
}

#[test]
fn an_empty_database_beside_a_key_is_not_a_first_start() {
    let jeton = bare();
    stop(jeton.serve());
    let (file, key) = (jeton.dir.path().join("jeton.db"), jeton.dir.path().join("jeton.db.key"));
    fs::write(jeton.dir.path().join("users.csv"), "username\nbob\n").unwrap();
    let aside = jeton.dir.path().join("aside");
    fs::rename(&file, &aside).unwrap();
    for empty in [false, true] {
        if empty {
            fs::write(&file, "").unwrap();
        }
        let before = content_of(jeton.dir.path());
        for command in ["serve", "migrate", "import csv --from users.csv"] {
            let why = refused(&jeton, &command.split(' ').collect::<Vec<_>>());
            assert!(why.contains("not a first start") && why.contains("jeton.db.key"), "{command}: {why}");
            assert!(why.contains("`jeton restore FILE`") && why.contains("move the key file away"), "{why}");
            assert!(content_of(jeton.dir.path()) == before, "{command} creates nothing");
        }
    }
    fs::remove_file(&file).unwrap();
    fs::rename(&key, jeton.dir.path().join("old.key")).unwrap();
    let server = jeton.serve();
    assert!(server.stdout().contains("This is the first start"), "{server:?}");
}

#[test]
fn a_log_without_its_database_is_not_deleted() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    create_user(&jeton, "amy", &[]);
    let server = jeton.serve();
    let reader = reader(&database);
    done(&jeton, &["user", "create", "bob", "--no-password"]);
    kill(server, reader, &database);
    let aside = folder_of(&database).join("aside");
    fs::rename(file_of(&database), &aside).unwrap();
    for empty in [false, true] {
        if empty {
            fs::write(file_of(&database), "").unwrap();
        }
        let before = content_of(folder_of(&database));
        for command in ["serve", "migrate", "user list"] {
            let why = refused(&jeton, &command.split(' ').collect::<Vec<_>>());
            assert!(why.contains("is missing or empty, but its log is there"), "{command}: {why}");
            assert!(content_of(folder_of(&database)) == before, "{command} changes nothing");
        }
    }
    fs::rename(&aside, file_of(&database)).unwrap();
    assert_eq!(users(&jeton), ["amy", "bob"]);
}
