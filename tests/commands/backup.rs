//! `jeton backup`: a whole copy of an SQLite database in one file, whoever writes meanwhile.

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
    assert!(refused(&jeton, &["backup", &name]).contains("backup.db already exists"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "yesterday's");
    assert!(refused(&jeton, &["backup", file_of(&database)]).contains("already exists"), "the database itself");
    assert!(refused(&jeton, &["backup", "/nonexistent/backup.db"]).contains("cannot create /nonexistent/backup.db"));
}

#[test]
fn what_a_backup_that_was_killed_has_left_is_in_nobodys_way() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    let (path, name) = place(&jeton, "backup.db");
    let (partial, elsewhere) = (place(&jeton, "backup.db.partial").0, place(&jeton, "elsewhere.db").0);
    // Killed before it was done; and right after its copy had got its name, which somebody has moved since.
    fs::write(&partial, "half of it").unwrap();
    fs::hard_link(&partial, &elsewhere).unwrap();
    done(&jeton, &["backup", &name]);
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "half of it", "what has another name stays");
    assert!(!partial.exists());
    assert_eq!(done(&jeton_on(&path), &["user", "list", "--json"]).trim(), "[]");
    // A real one, killed while it waits for the disk.
    fs::remove_file(&path).unwrap();
    for user in 0..200 {
        database.sql(&format!("insert into users (username, password, date_joined) values ('u{user}', hex(randomblob(20000)), '2026-01-01 00:00:00')"));
    }
    let running = jeton.spawn(&["backup", &name], std::process::Stdio::null());
    eventually("its draft", LIMIT, || (partial.exists() || path.exists()).then_some(()));
    running.signal("KILL");
    running.wait(LIMIT);
    assert!(!path.exists() || !partial.exists(), "the file is there when it is whole");
    let _ = fs::remove_file(&path);
    done(&jeton, &["backup", &name]);
    // One that is under way is not disturbed, nor is a link followed.
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
fn a_backup_has_no_name_of_the_databases_own_files() {
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
fn a_disk_that_is_full_is_the_backups() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    let (path, name) = place(&jeton, "backup.db");
    let script = format!("trap '' XFSZ; ulimit -f 100; exec {} backup '{name}'", crate::support::process::BINARY);
    let mut limited = Command::new("sh");
    limited.args(["-c", &script]).env("DATABASE_URL", &database.url).current_dir(&jeton.dir);
    let output = limited.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("cannot write ") && said.contains("backup.db.partial"), "{said}");
    assert!(said.contains("its disk is full") && !said.contains("the database's disk"), "{said}");
    assert!(!path.exists() && fs::read_dir(&jeton.dir).unwrap().count() == 0, "nothing is left");
    done(&jeton, &["backup", &name]);
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
    done(&jeton, &["token", "create", "amy"]);
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
