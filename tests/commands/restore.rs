//! `jeton restore`: a backup replaces an SQLite database that is not in use, and the previous database is kept.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{
    PASSWORD, create_client, create_user, done, introspect, jeton, key_in, login, migrated, refused, try_login,
};
use crate::import::{file_of, fixture};
use crate::support::app::{Kind, TestDatabase};
use crate::support::http::Request;
use crate::support::process::{Jeton, Serving};
use crate::support::session::Session;

/// A database with amy and bob, and a backup that has only amy.
fn backed_up() -> (TestDatabase, Jeton, String) {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    create_user(&jeton, "amy", &[]);
    let backup = jeton.dir.path().join("backup.db").to_str().unwrap().to_owned();
    done(&jeton, &["backup", &backup]);
    create_user(&jeton, "bob", &[]);
    (database, jeton, backup)
}

/// The same after a crash, which has left a WAL file with one more user, cleo.
fn backed_up_and_crashed() -> (TestDatabase, Jeton, String) {
    let (database, jeton, backup) = backed_up();
    let server = jeton.serve();
    let mut reader = Session::open(&database);
    reader.run("begin; select count(*) from users;");
    create_user(&jeton, "cleo", &[]);
    server.signal("KILL");
    server.wait(Duration::from_secs(20));
    (database, jeton, backup)
}

fn folder(database: &TestDatabase) -> &Path {
    database.folder.as_ref().unwrap().path()
}

/// The names and contents of all files in a folder.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

fn users(jeton: &Jeton) -> Vec<String> {
    let table = done(jeton, &["user", "list"]);
    table.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1).map(str::to_owned)).collect()
}

/// Restores a backup, and returns the path at which the command has kept the previous database.
#[track_caller]
fn restore(jeton: &Jeton, backup: &str) -> Option<PathBuf> {
    let output = jeton.run(&["restore", backup]);
    assert_eq!((output.status, output.stdout.as_str()), (0, ""), "{output:?}");
    output.stderr.lines().find_map(|line| line.strip_prefix("the previous database is kept at ")).map(PathBuf::from)
}

fn jeton_on(path: &Path) -> Jeton {
    jeton(&TestDatabase { url: format!("sqlite://{}", path.display()), folder: None, postgres: None })
}

#[test]
fn a_backup_replaces_the_database_and_the_previous_one_is_kept() {
    let (database, jeton, backup) = backed_up();
    let before = fs::read(&backup).unwrap();
    let kept = restore(&jeton, &backup).unwrap();
    assert_eq!(users(&jeton), ["amy"]);
    assert_eq!(login(&jeton.serve(), "amy").len(), 40);
    assert_eq!(users(&jeton_on(&kept)), ["amy", "bob"]);
    assert_eq!(fs::read(&backup).unwrap(), before, "the backup is unchanged");
    let name = kept.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("jeton.db.20") && name.ends_with('Z'), "{name}");

    restore(&jeton, kept.to_str().unwrap());
    assert_eq!(users(&jeton), ["amy", "bob"], "the previous database is restored");
    assert!(!contents(folder(&database)).keys().any(|name| name.ends_with(".restoring")));
}

#[test]
fn the_database_of_a_crashed_server_is_kept_with_its_wal_file() {
    let (database, jeton, backup) = backed_up_and_crashed();
    assert!(fs::metadata(folder(&database).join("jeton.db-wal")).unwrap().len() > 0);

    let kept = restore(&jeton, &backup).unwrap();
    let left: Vec<String> = contents(folder(&database)).into_keys().collect();
    let kept_name = kept.file_name().unwrap().to_str().unwrap();
    assert_eq!(
        left,
        ["jeton.db", kept_name, &format!("{kept_name}-wal")],
        "the restored database has no WAL file of the previous one"
    );
    assert_eq!(users(&jeton), ["amy"]);
    let rescued = folder(&database).join("rescued.db").to_str().unwrap().to_owned();
    done(&jeton_on(Path::new(&rescued)), &["restore", kept.to_str().unwrap()]);
    assert_eq!(
        users(&jeton_on(Path::new(&rescued))),
        ["amy", "bob", "cleo"],
        "the kept database can be restored with its WAL file"
    );
}

#[test]
fn a_restore_replaces_a_database_whose_wal_file_does_not_belong_to_it() {
    let (database, jeton, backup) = backed_up_and_crashed();
    fs::copy(&backup, file_of(&database)).unwrap();
    assert!(refused(&jeton, &["serve"]).contains("does not belong"));
    restore(&jeton, &backup);
    assert_eq!(users(&jeton), ["amy"]);
    assert_eq!(try_login(&jeton.serve(), "amy", PASSWORD).status, 200);
}

#[test]
fn a_database_in_use_is_not_replaced() {
    let (database, jeton, backup) = backed_up();
    let server = jeton.serve();
    let key = login(&server, "bob");
    assert!(refused(&jeton, &["restore", &backup]).contains("jeton.db is in use; stop jeton"));
    assert_eq!(login(&server, "bob"), key);
    server.signal("TERM");
    assert_eq!(server.wait(Duration::from_secs(20)).code(), Some(0));

    let mut session = Session::open(&database);
    session.run("select count(*) from users;");
    assert!(refused(&jeton, &["restore", &backup]).contains("is in use"), "another program uses the database");
    drop(session);
    restore(&jeton, &backup);
    assert_eq!(users(&jeton), ["amy"]);
}

#[test]
fn a_file_that_is_not_a_backup_changes_nothing() {
    let (database, jeton, backup) = backed_up();
    let place = |name: &str| jeton.dir.path().join(name).to_str().unwrap().to_owned();
    let (text, empty, newer, damaged, blank) =
        (place("notes.txt"), place("empty.db"), place("newer.db"), place("damaged.db"), place("blank.db"));
    fs::write(&text, "dear diary, ".repeat(100)).unwrap();
    fs::write(&empty, "").unwrap();
    let sqlite = |path: &str, sql: &str| {
        let url = format!("sqlite://{path}");
        TestDatabase { url, folder: None, postgres: None }.sql(sql)
    };
    fs::copy(&backup, &newer).unwrap();
    sqlite(&newer, "insert into __diesel_schema_migrations (version) values ('29990101000000')");
    sqlite(&newer, "update meta set value = '29990101000000' where key = 'schema_usable_from'");
    sqlite(&blank, "create view one as select 1");
    let bytes = fs::read(&backup).unwrap();
    fs::write(&damaged, [&bytes[..8192], &vec![7; 16384], &bytes[24576..]].concat()).unwrap();
    let django = fixture(Kind::Sqlite);
    // A killed restore leaves a file of this name. The next restore removes it, unless that file is what it should
    // restore.
    let restoring = format!("{}.restoring", file_of(&database));
    fs::copy(&backup, &restoring).unwrap();
    let why = refused(&jeton, &["restore", &restoring]);
    assert!(why.contains("is the name of an unfinished restore") && fs::exists(&restoring).unwrap(), "{why}");
    fs::remove_file(&restoring).unwrap();
    let before = contents(folder(&database));
    for (file, words) in [
        ("/nonexistent/backup.db", "there is no backup at"),
        (jeton.dir.path().to_str().unwrap(), "is a folder; name the backup in it"),
        (empty.as_str(), "there is no backup at"),
        (text.as_str(), "not a database"),
        (newer.as_str(), "restore it by a newer jeton"),
        (damaged.as_str(), "damaged.db"),
        (blank.as_str(), "holds no tables"),
        (file_of(&django), "tables that are not jeton's"),
        (file_of(&database), "is the database itself"),
    ] {
        let why = refused(&jeton, &["restore", file]);
        assert!(why.contains(words), "{file}: {why}");
        assert!(contents(folder(&database)) == before, "{file}");
    }
    // A database that is not jeton's is not replaced either.
    let before = contents(folder(&django));
    assert!(refused(&super::jeton(&django), &["restore", &backup]).contains("tables that are not jeton's"));
    assert!(contents(folder(&django)) == before);
}

#[test]
fn a_backup_of_an_older_jeton_is_migrated_at_the_next_start() {
    let (_database, jeton, backup) = backed_up();
    let older = TestDatabase { url: format!("sqlite://{backup}"), folder: None, postgres: None };
    older.sql("drop table console_forms; delete from __diesel_schema_migrations where version = '20261128020100'");
    let output = jeton.run(&["restore", &backup]);
    assert!(output.status == 0 && output.stderr.contains("from an older version of jeton"), "{output:?}");
    assert_eq!(try_login(&jeton.serve(), "amy", PASSWORD).status, 200);
}

#[test]
fn a_lost_database_is_restored_beside_its_secret_key() {
    let jeton = Jeton::new();
    done(&jeton, &["migrate"]);
    done(&jeton, &["user", "create", "amy", "--no-password"]);
    done(&jeton, &["token", "create", "amy"]);
    done(&jeton, &["backup", "backup.db"]);
    fs::remove_file(jeton.dir.path().join("jeton.db")).unwrap();
    assert!(refused(&jeton, &["migrate"]).contains("not a first start"));
    assert_eq!(restore(&jeton, "backup.db"), None, "there was nothing to keep");
    assert_eq!(users(&jeton), ["amy"]);
}

#[test]
fn a_backup_with_another_secret_key_is_refused() {
    let other = Jeton::new();
    done(&other, &["migrate"]);
    done(&other, &["user", "create", "eve", "--no-password"]);
    done(&other, &["token", "create", "eve"]);
    done(&other, &["backup", "backup.db"]);
    let backup = other.dir.path().join("backup.db").to_str().unwrap().to_owned();
    let key = other.dir.path().join("jeton.db.key");

    let (database, jeton, _) = backed_up();
    let before = contents(folder(&database));
    let why = refused(&jeton, &["restore", &backup]);
    assert!(why.contains("was made with another secret key than JETON_SECRET_KEY"), "{why}");
    assert!(why.contains("JETON_SECRET_KEY_FALLBACKS") && why.contains("unset JETON_SECRET_KEY"), "{why}");
    assert!(contents(folder(&database)) == before, "nothing has changed");
    let with_fallback =
        super::jeton(&database).env("JETON_SECRET_KEY_FALLBACKS", fs::read_to_string(&key).unwrap().trim());
    done(&with_fallback, &["restore", &backup]);
    assert_eq!(users(&with_fallback), ["eve"], "with the older secret key as a fallback the backup is accepted");

    let beside = Jeton::new();
    done(&beside, &["migrate"]);
    done(&beside, &["user", "create", "amy", "--no-password"]);
    done(&beside, &["token", "create", "amy"]);
    let why = refused(&beside, &["restore", &backup]);
    assert!(why.contains("than the one in jeton.db.key") && why.contains("move jeton.db.key away"), "{why}");
    assert_eq!(users(&beside), ["amy"]);
    fs::remove_file(beside.dir.path().join("jeton.db.key")).unwrap();
    restore(&beside, &backup);
    assert_eq!(users(&beside), ["eve"], "without the other secret key the backup is accepted");
    assert!(refused(&beside, &["token", "create", "eve"]).contains("the secret key of this database is missing"));
    fs::copy(&key, beside.dir.path().join("jeton.db.key")).unwrap();
    restore(&beside, &backup);
    done(&beside, &["token", "create", "eve"]);
}

#[test]
fn commands_that_need_no_secret_key_work_without_it() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let database = TestDatabase::new(kind);
        let with_key = migrated(&database);
        create_user(&with_key, "amy", &["--superuser"]);
        done(&with_key, &["token", "create", "amy"]);
        let jeton = Jeton::new().env("DATABASE_URL", &database.url);
        for command in [
            "audit",
            "user list",
            "user show amy",
            "user create bob --no-password",
            "user deactivate bob",
            "user activate bob",
            "user delete bob --yes",
            "client create billing",
            "client rotate billing",
            "client list",
            "client delete billing --yes",
            "token list",
            "token list amy",
            "token revoke 1",
            "token revoke --all --yes",
        ] {
            done(&jeton, &command.split(' ').collect::<Vec<_>>());
        }
        let output = jeton.run_with_stdin(&["token", "explain"], "nothing");
        assert_eq!(output.status, 0, "{output:?}");
        assert!(
            refused(&jeton, &["token", "create", "amy"]).contains("JETON_SECRET_KEY"),
            "creating a token needs the secret key"
        );
        if kind == Kind::Sqlite {
            assert_eq!(
                contents(folder(&database)).into_keys().collect::<Vec<_>>(),
                ["jeton.db"],
                "no file of a secret key is created"
            );
        }
        assert_eq!(login(&with_key.serve(), "amy").len(), 40);
    }
}

#[test]
fn a_link_to_the_database_stays_a_link() {
    let (database, jeton, backup) = backed_up();
    let link = jeton.dir.path().join("link.db");
    std::os::unix::fs::symlink(file_of(&database), &link).unwrap();
    let kept = restore(&jeton_on(&link), &backup).unwrap();
    assert_eq!(
        kept.parent(),
        Some(folder(&database).canonicalize().unwrap().as_path()),
        "the previous database is beside the real file"
    );
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(users(&jeton), ["amy"]);
}

#[test]
fn the_restored_file_has_the_previous_owner_and_mode() {
    let (database, jeton, backup) = backed_up();
    let file = file_of(&database);
    // Only root may give a file to another user; otherwise the file stays the test's own.
    let given = chown(file, Some(4321), Some(4321)).is_ok();
    fs::set_permissions(file, fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(file).unwrap();
    restore(&jeton, &backup);
    let after = fs::metadata(file).unwrap();
    assert_eq!((after.uid(), after.gid(), after.mode()), (before.uid(), before.gid(), before.mode()));
    assert_eq!(given, after.uid() == 4321);
}

/// The file that is put back has the row of the follower's cursor, but not what was changed, and answered, after it.
#[test]
fn who_follows_changes_forgets_everything_when_an_older_file_is_put_back() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    let client = create_client(&jeton, "billing");
    create_user(&jeton, "amy", &[]);
    let changes = |server: &Serving, after: &str| {
        let request = Request::new("GET", &format!("/changes?after={after}")).basic(&client.0, &client.1);
        let answer = request.send(server.addr);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    let backup = jeton.dir.path().join("backup.db").to_str().unwrap().to_owned();
    let mut server = jeton.serve();
    for way in ["jeton restore", "cp", "cp, again"] {
        let cursor = changes(&server, "")["cursor"].as_str().unwrap().to_owned();
        if way != "cp, again" {
            fs::remove_file(&backup).ok();
            done(&jeton, &["backup", &backup]);
        }
        let key = key_in(&done(&jeton, &["token", "create", "amy", "--name", "ci"]), "amy");
        assert_eq!(introspect(&server, &client, &key)["active"], true);
        let newer = changes(&server, &cursor)["cursor"].as_str().unwrap().to_owned();
        server.signal("TERM");
        server.wait(Duration::from_secs(20));
        if way == "jeton restore" {
            restore(&jeton, &backup).unwrap();
        } else {
            fs::copy(&backup, file_of(&database)).unwrap();
        }
        server = jeton.serve();
        // Another token has its id now.
        let another = key_in(&done(&jeton, &["token", "create", "amy", "--name", "ci"]), "amy");
        for after in [cursor, newer] {
            assert_eq!(changes(&server, &after)["reset"], true, "{way}");
        }
        assert_eq!(introspect(&server, &client, &key)["active"], false);
        assert_eq!(introspect(&server, &client, &another)["active"], true);
    }
}
