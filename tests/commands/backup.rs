//! `jeton backup`: a whole copy of an SQLite database in one file, whoever writes meanwhile.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use super::{PASSWORD, create_user, done, jeton, login, migrated, refused, try_login};
use crate::import::{file_of, fixture};
use crate::support::app::{Kind, TestDatabase};
use crate::support::process::Jeton;
use crate::support::session::Session;

/// Where a backup goes, and its name as an argument.
fn place(jeton: &Jeton, name: &str) -> (PathBuf, String) {
    let path = jeton.dir.path().join(name);
    (path.clone(), path.to_str().unwrap().to_owned())
}

#[test]
fn a_backup_has_all_that_a_running_server_was_told() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    create_user(&jeton, "amy", &[]);
    let server = jeton.serve();
    let key = login(&server, "amy");
    // Somebody is in the middle of a change; it is not in the backup.
    let mut session = Session::open(&database);
    session.run("begin immediate; delete from users;");
    let (path, name) = place(&jeton, "it's a backup.db");
    let output = jeton.run(&["backup", &name]);
    assert_eq!((output.status, output.stdout.as_str()), (0, ""), "{output:?}");
    assert!(output.stderr.contains("backed up ") && output.stderr.contains("checked"), "{output:?}");
    drop(session);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let names: Vec<_> = fs::read_dir(&jeton.dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["it's a backup.db"], "in one file");

    let copy = jeton_on(&path);
    let second = copy.serve();
    assert_eq!(login(&second, "amy"), key);
    assert_eq!(login(&server, "amy"), key, "the server went on");
}

fn jeton_on(path: &std::path::Path) -> Jeton {
    let database = TestDatabase { url: format!("sqlite://{}", path.display()), folder: None, postgres: None };
    jeton(&database)
}

#[test]
fn a_file_that_is_there_stays() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    let (path, name) = place(&jeton, "backup.db");
    fs::write(&path, "yesterday's").unwrap();
    assert!(refused(&jeton, &["backup", &name]).contains("backup.db is there already"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "yesterday's");
    assert!(refused(&jeton, &["backup", file_of(&database)]).contains("is there already"), "the database itself");
    assert!(refused(&jeton, &["backup", "/nonexistent/backup.db"]).contains("cannot make /nonexistent/backup.db"));
}

#[test]
fn what_is_damaged_or_not_jetons_is_not_backed_up() {
    let foreign = fixture(Kind::Sqlite);
    let empty = TestDatabase::new(Kind::Sqlite);
    let damaged = TestDatabase::new(Kind::Sqlite);
    let jeton_of_damaged = migrated(&damaged);
    for user in 0..20 {
        done(&jeton_of_damaged, &["user", "create", &format!("user{user}"), "--no-password"]);
    }
    // The index of names says something else than the rows.
    damaged.sql(
        "pragma writable_schema = on; update sqlite_master set sql = replace(sql, 'username', 'email') \
         where type = 'index' and name like 'users%'; ",
    );
    let mut bytes = fs::read(file_of(&damaged)).unwrap();
    let at = bytes.windows(6).rposition(|six| six == b"user13").unwrap();
    bytes[at..at + 6].copy_from_slice(b"zzzzzz");
    fs::write(file_of(&damaged), bytes).unwrap();
    for (database, words) in [
        (&foreign, "tables that are not jeton's"),
        (&empty, "there is no database of jeton's at"),
        (&damaged, "the database is damaged: "),
    ] {
        let jeton = jeton(database);
        let (path, name) = place(&jeton, "backup.db");
        let why = refused(&jeton, &["backup", &name]);
        assert!(why.contains(words), "{why}");
        assert!(!path.exists() && fs::read_dir(&jeton.dir).unwrap().count() == 0, "{words}");
    }
}

#[test]
fn the_database_of_an_older_jeton_is_backed_up_before_it_is_migrated() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    create_user(&jeton, "amy", &[]);
    database.sql("drop table console_forms; delete from __diesel_schema_migrations where version = '20261128020100'");
    let (path, name) = place(&jeton, "backup.db");
    done(&jeton, &["backup", &name]);
    let run =
        Command::new("sqlite3").arg(&path).arg("select count(*) from __diesel_schema_migrations").output().unwrap();
    assert_eq!(
        String::from_utf8(run.stdout).unwrap().trim(),
        database.sql("select count(*) from __diesel_schema_migrations"),
        "it is as it was"
    );
    let copy = jeton_on(&path);
    done(&copy, &["migrate"]);
    assert_eq!(try_login(&copy.serve(), "amy", PASSWORD).status, 200);
}

#[test]
fn a_key_beside_the_database_is_named() {
    let jeton = Jeton::new();
    done(&jeton, &["migrate"]);
    done(&jeton, &["user", "create", "amy", "--no-password"]);
    let output = jeton.run(&["backup", "backup.db"]);
    assert_eq!(output.status, 0, "{output:?}");
    let key = fs::read_to_string(jeton.dir.path().join("jeton.db.key")).unwrap();
    assert!(output.stderr.contains("keep a copy of jeton.db.key") && !output.stderr.contains(key.trim()), "{output:?}");
}

#[test]
fn postgresql_has_a_tool_of_its_own() {
    let database = TestDatabase::new(Kind::Postgres);
    let jeton = migrated(&database);
    let why = refused(&jeton, &["backup", "backup.dump"]);
    assert!(why.contains("pg_dump --format=custom --file=backup.dump \"$DATABASE_URL\""), "{why}");
    let why = refused(&jeton, &["restore", "backup.dump"]);
    assert!(why.contains("pg_restore ") && why.contains("--dbname=\"$DATABASE_URL\" backup.dump"), "{why}");
    assert_eq!(fs::read_dir(&jeton.dir).unwrap().count(), 0);
}
