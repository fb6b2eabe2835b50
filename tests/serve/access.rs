//! File permissions: jeton removes those of other users, and reports a missing permission of its own in one error line.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use super::bare;
use crate::commands::done;
use crate::support::postgres::{as_owner, fresh_directory};
use crate::support::process::{Output, Process};

fn set_mode(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Sets the mode of the database and of SQLite's other files, if they exist.
fn set_mode_of_all(database: &Path, mode: u32) {
    let files = ["", "-wal", "-shm"].map(|suffix| database.with_file_name(format!("jeton.db{suffix}")));
    files.iter().filter(|file| file.exists()).for_each(|file| set_mode(file, mode));
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

/// Runs a command as an ordinary user, also if root runs the tests, because no mode restricts root.
fn run(database: &Path, args: &[&str]) -> Output {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let binary = BINARY.get_or_init(|| {
        let copy = fresh_directory().join("jeton");
        fs::copy(env!("CARGO_BIN_EXE_jeton"), &copy).unwrap();
        set_mode(&copy, 0o755);
        copy
    });
    let mut command = as_owner(binary);
    command.args(args).stdin(Stdio::null()).env("DATABASE_URL", format!("sqlite://{}", database.display()));
    command.env("JETON_LISTEN", "127.0.0.1:0").env("JETON_ARGON2_MEMORY_KIB", "64").env("JETON_ARGON2_ITERATIONS", "1");
    Process::start(&mut command).output()
}

/// A folder of the ordinary user, with a database that the user who runs the tests has created.
fn folder_with_database() -> (PathBuf, PathBuf) {
    let folder = fresh_directory();
    let database = folder.join("jeton.db");
    let jeton = bare().env("DATABASE_URL", format!("sqlite://{}", database.display()));
    done(&jeton, &["migrate"]);
    done(&jeton, &["user", "create", "amy", "--no-password"]);
    done(&jeton, &["token", "create", "amy"]);
    (folder, database)
}

/// Each command must be refused with one line, which contains these words.
#[track_caller]
fn assert_refused(database: &Path, commands: &[&str], words: &[&str]) {
    for command in commands {
        let output = run(database, &command.split(' ').collect::<Vec<_>>());
        let lines: Vec<&str> = output.stderr.lines().collect();
        assert_eq!((output.status, output.stdout.as_str(), lines.len()), (1, "", 1), "{command}: {output:?}");
        assert!(lines[0].starts_with("error: "), "{command}: {output:?}");
        for words in words {
            assert!(lines[0].contains(words), "{command}: {words}: {output:?}");
        }
    }
}

const ALL: [&str; 3] = ["serve", "migrate", "user list"];

#[test]
fn a_database_without_read_permission_is_refused_in_one_line() {
    let (_, database) = folder_with_database();
    set_mode(&database, 0o000);
    assert_refused(&database, &ALL, &["cannot read ", database.to_str().unwrap(), "Permission denied"]);
}

#[test]
fn a_database_without_write_permission_is_refused_in_one_line() {
    let (_, database) = folder_with_database();
    set_mode_of_all(&database, 0o444);
    assert_refused(&database, &ALL, &["cannot write ", database.to_str().unwrap(), "Permission denied"]);
    assert_eq!(mode(&database), 0o444);
}

#[test]
fn a_folder_without_write_permission_is_refused_in_one_line() {
    let (folder, database) = folder_with_database();
    set_mode_of_all(&database, 0o666);
    set_mode(&folder, 0o555);
    assert_refused(&database, &ALL, &["cannot write ", folder.to_str().unwrap(), "Permission denied"]);
    let other = folder.join("other.db");
    assert_refused(&other, &["serve", "migrate"], &["cannot create ", other.to_str().unwrap(), "Permission denied"]);
    assert_refused(&other, &["user list"], &["there is no database of jeton's at"]);
    set_mode(&folder, 0o700);
}

#[test]
fn a_folder_without_search_permission_is_refused_in_one_line() {
    let outer = fresh_directory();
    let inner = outer.join("inner");
    fs::create_dir(&inner).unwrap();
    set_mode(&outer, 0o000);
    assert_refused(&inner.join("jeton.db"), &ALL, &[inner.to_str().unwrap(), "Permission denied"]);
    set_mode(&outer, 0o700);
}

#[test]
fn permissions_of_all_users_are_removed_with_a_warning() {
    let jeton = bare();
    let file = |suffix: &str| jeton.dir.path().join(format!("jeton.db{suffix}"));
    let server = jeton.serve();
    server.signal("KILL");
    server.output();
    for (opened, closed, key) in [(0o666, 0o660, 0o644), (0o604, 0o600, 0o640), (0o662, 0o660, 0o606)] {
        for suffix in ["", "-wal", "-shm"] {
            set_mode(file(suffix), opened);
        }
        set_mode(file(".key"), key);
        let output = jeton.run(&["user", "list"]);
        assert_eq!(output.status, 0, "{output:?}");
        for suffix in ["", "-wal", "-shm"] {
            let warning = format!("jeton.db{suffix}: all users had access to it, by mode {opened:04o}");
            assert!(output.stderr.contains(&warning), "{warning}: {output:?}");
            assert!(!file(suffix).exists() || mode(file(suffix)) == closed, "{suffix}");
        }
        assert!(output.stderr.contains("jeton.db.key: other users had access to it"), "{output:?}");
        assert_eq!(mode(file(".key")), 0o600);
        assert_eq!(jeton.run(&["user", "list"]).stderr, "", "no second warning: the mode is corrected");
        // This creates SQLite's other files again for the next round.
        let server = jeton.serve();
        server.signal("KILL");
        server.output();
    }
    set_mode(file(""), 0o640);
    assert_eq!(jeton.run(&["user", "list"]).stderr, "", "a group may read");
    set_mode(file(""), 0o666);
    let server = jeton.serve();
    assert!(server.stderr().contains("jeton.db: all users had access to it"), "{server:?}");
}

#[test]
fn files_of_another_owner_that_all_users_can_access_are_refused() {
    let (folder, database) = folder_with_database();
    let key = folder.join("jeton.db.key");
    set_mode_of_all(&database, 0o666);
    set_mode(&key, 0o644);
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return; // without root, the tests' user runs jeton and owns the files
    }
    assert_refused(&database, &ALL, &[database.to_str().unwrap(), "all users have access to it, by mode 0666"]);
    // Once the database has the right owner, the key file is refused.
    let owner = fs::metadata(&folder).unwrap().uid();
    for file in ["jeton.db", "jeton.db-wal", "jeton.db-shm"].map(|name| folder.join(name)) {
        file.exists().then(|| std::os::unix::fs::chown(&file, Some(owner), None).unwrap());
    }
    set_mode_of_all(&database, 0o600);
    let words = [key.to_str().unwrap(), "other users have access to it, by mode 0644"];
    assert_refused(&database, &["serve", "user list"], &words);
}

#[test]
fn secret_files_that_all_users_can_access_are_warned_about() {
    let jeton = bare();
    let secret = jeton.dir.path().join("secret");
    fs::write(&secret, "5a".repeat(32)).unwrap();
    let jeton = jeton.env("JETON_SECRET_KEY_FILE", "secret");
    for (mode, access) in [(0o644, Some("read")), (0o666, Some("write")), (0o640, None)] {
        set_mode(&secret, mode);
        let server = jeton.serve();
        let words = server.stderr();
        match access {
            Some(what) => {
                let warning = format!("JETON_SECRET_KEY_FILE: all users of this machine may {what} secret");
                assert!(words.contains(&warning), "{words}");
            }
            None => assert!(!words.contains("JETON_SECRET_KEY_FILE"), "{words}"),
        }
    }
}
