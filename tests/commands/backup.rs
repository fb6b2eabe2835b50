//! `jeton backup`: a complete copy of an SQLite database in one file, even while other processes write to the database.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::{PASSWORD, create_user, done, jeton, login, migrated, refused, try_login};
use crate::import::{file_of, fixture};
use crate::support::app::{Kind, TestDatabase};
use crate::support::eventually;
use crate::support::process::Jeton;
use crate::support::session::Session;

const LIMIT: Duration = Duration::from_secs(20);

/// The path of a backup in jeton's folder, also as a command's argument.
fn place(jeton: &Jeton, name: &str) -> (PathBuf, String) {
    let path = jeton.dir.path().join(name);
    (path.clone(), path.to_str().unwrap().to_owned())
}

#[test]
fn a_backup_has_everything_that_a_running_server_has_stored() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    create_user(&jeton, "amy", &[]);
    let server = jeton.serve();
    let key = login(&server, "amy");
    // Another session has made a change without a commit, so the change is not in the backup.
    let mut session = Session::open(&database);
    session.run("begin immediate; delete from users;");
    let (path, name) = place(&jeton, "it's a backup.db");
    let output = jeton.run(&["backup", &name]);
    assert_eq!((output.status, output.stdout.as_str()), (0, ""), "{output:?}");
    assert!(output.stderr.contains("backed up ") && output.stderr.contains("checked"), "{output:?}");
    drop(session);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let names: Vec<_> = fs::read_dir(&jeton.dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["it's a backup.db"], "the backup is one file");

    let copy = jeton_on(&path);
    let second = copy.serve();
    assert_eq!(login(&second, "amy"), key);
    assert_eq!(login(&server, "amy"), key, "the server still runs");
}

fn jeton_on(path: &std::path::Path) -> Jeton {
    let database = TestDatabase { url: format!("sqlite://{}", path.display()), folder: None, postgres: None };
    jeton(&database)
}

#[test]
fn an_existing_file_is_not_overwritten() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    let (path, name) = place(&jeton, "backup.db");
    fs::write(&path, "yesterday's").unwrap();
    assert!(refused(&jeton, &["backup", &name]).contains("backup.db already exists"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "yesterday's");
    assert!(refused(&jeton, &["backup", file_of(&database)]).contains("already exists"), "the database itself");
    assert!(refused(&jeton, &["backup", "/nonexistent/backup.db"]).contains("cannot create /nonexistent/backup.db"));
}

#[test]
fn files_that_a_killed_backup_has_left_do_not_prevent_another_backup() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    let (path, name) = place(&jeton, "backup.db");
    let (partial, elsewhere) = (place(&jeton, "backup.db.partial").0, place(&jeton, "elsewhere.db").0);
    // These are the files of a backup that was killed before it was complete, or right after its copy had got its name.
    // The copy has another name by now.
    fs::write(&partial, "half of it").unwrap();
    fs::hard_link(&partial, &elsewhere).unwrap();
    done(&jeton, &["backup", &name]);
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "half of it", "a file under another name stays");
    assert!(!partial.exists());
    assert_eq!(done(&jeton_on(&path), &["user", "list", "--json"]).trim(), "[]");
    // This backup is killed while it writes.
    fs::remove_file(&path).unwrap();
    for user in 0..200 {
        database.sql(&format!("insert into users (username, password, date_joined) values ('u{user}', hex(randomblob(20000)), '2026-01-01 00:00:00')"));
    }
    let running = jeton.spawn(&["backup", &name], std::process::Stdio::null());
    eventually("a file of this backup", LIMIT, || (partial.exists() || path.exists()).then_some(()));
    running.signal("KILL");
    running.wait(LIMIT);
    assert!(!path.exists() || !partial.exists(), "the file gets its name when it is complete");
    let _ = fs::remove_file(&path);
    done(&jeton, &["backup", &name]);
    // A backup does not disturb another one that still runs, and does not follow a link.
    fs::remove_file(&path).unwrap();
    fs::write(&partial, "somebody's").unwrap();
    let mut other = Command::new("flock")
        .arg(&partial)
        .args(["sh", "-c", "echo locked; cat"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0; 7];
    std::io::Read::read_exact(other.stdout.as_mut().unwrap(), &mut line).unwrap();
    let why = refused(&jeton, &["backup", &name]);
    assert!(why.contains("another backup to ") && why.contains("backup.db.partial"), "{why}");
    assert_eq!(fs::read_to_string(&partial).unwrap(), "somebody's");
    drop(other.stdin.take());
    other.wait().unwrap();
    fs::remove_file(&partial).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &partial).unwrap();
    assert!(refused(&jeton, &["backup", &name]).contains("backup.db.partial"));
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "half of it");
}

#[test]
fn a_backup_cannot_have_a_name_that_belongs_to_a_file_of_the_database() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    let file = file_of(&database);
    let link = place(&jeton, "link.db").0;
    std::os::unix::fs::symlink(file, &link).unwrap();
    for suffix in ["-wal", "-shm", "-journal"] {
        let name = format!("{file}{suffix}");
        for jeton in [&jeton, &jeton_on(&link)] {
            let why = refused(jeton, &["backup", &name]);
            assert!(why.contains(&format!("jeton.db{suffix} is a name of the database's own files")), "{why}");
            assert!(!std::path::Path::new(&name).exists(), "{name}");
        }
    }
    for (suffix, words) in [
        (".key", "is a name of the file of the secret key"),
        (".restoring", "is a name of an unfinished restore"),
        (".other.partial", "is a name of an unfinished backup"),
    ] {
        let name = format!("{file}{suffix}");
        let why = refused(&jeton, &["backup", &name]);
        assert!(why.contains(words), "{why}");
        assert!(!std::path::Path::new(&name).exists() || suffix == ".key", "{name}");
    }
}

#[test]
fn a_full_disk_is_reported_as_the_disk_of_the_backup() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    let (path, name) = place(&jeton, "backup.db");
    let script = format!("trap '' XFSZ; ulimit -f 100; exec {} backup '{name}'", crate::support::process::BINARY);
    let mut limited = Command::new("sh");
    limited.args(["-c", &script]).env("DATABASE_URL", &database.url).current_dir(&jeton.dir);
    let output = limited.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && stderr.contains("cannot write ") && stderr.contains("backup.db.partial"),
        "{stderr}"
    );
    assert!(stderr.contains("its disk is full") && !stderr.contains("the database's disk"), "{stderr}");
    assert!(!path.exists() && fs::read_dir(&jeton.dir).unwrap().count() == 0, "no file is left");
    done(&jeton, &["backup", &name]);
}

#[test]
fn a_database_that_is_damaged_or_not_jetons_is_not_backed_up() {
    let foreign = fixture(Kind::Sqlite);
    let empty = TestDatabase::new(Kind::Sqlite);
    let damaged = TestDatabase::new(Kind::Sqlite);
    let jeton_of_damaged = migrated(&damaged);
    for user in 0..20 {
        done(&jeton_of_damaged, &["user", "create", &format!("user{user}"), "--no-password"]);
    }
    // An index of names differs from the rows.
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
        "the backup is not migrated"
    );
    let copy = jeton_on(&path);
    done(&copy, &["migrate"]);
    assert_eq!(try_login(&copy.serve(), "amy", PASSWORD).status, 200);
}

#[test]
fn a_backup_names_the_secret_key_file_that_must_be_kept_with_it() {
    let jeton = Jeton::new();
    done(&jeton, &["migrate"]);
    done(&jeton, &["user", "create", "amy", "--no-password"]);
    done(&jeton, &["token", "create", "amy"]);
    let output = jeton.run(&["backup", "backup.db"]);
    assert_eq!(output.status, 0, "{output:?}");
    let key = fs::read_to_string(jeton.dir.path().join("jeton.db.key")).unwrap();
    assert!(output.stderr.contains("keep a copy of jeton.db.key") && !output.stderr.contains(key.trim()), "{output:?}");
}

#[test]
fn for_postgresql_the_command_of_its_own_tool_is_printed() {
    let database = TestDatabase::new(Kind::Postgres);
    let jeton = migrated(&database);
    let why = refused(&jeton, &["backup", "backup.dump"]);
    assert!(why.contains("pg_dump --format=custom --file=backup.dump \"$DATABASE_URL\""), "{why}");
    let why = refused(&jeton, &["restore", "backup.dump"]);
    assert!(why.contains("pg_restore ") && why.contains("--dbname=\"$DATABASE_URL\" backup.dump"), "{why}");
    assert_eq!(fs::read_dir(&jeton.dir).unwrap().count(), 0);
}
