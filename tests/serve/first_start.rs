//! The first start: the lines that it prints can be pasted; bootstrap settings create rows and change none.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{LIMIT, bare, listening, refuses_to_start};
use crate::commands::{done, introspect_status, jeton, json_of, try_login};
use crate::on_both;
use crate::support::app::{ADMIN, CLIENT, Kind, TestDatabase};
use crate::support::eventually;
use crate::support::process::{Jeton, Process};

/// The lines that can be pasted: the first sets `TOKEN`, the others begin with `curl `.
fn lines_to_paste(printed: &str) -> Vec<&str> {
    printed.lines().filter(|line| line.starts_with("TOKEN=") || line.starts_with("curl ")).collect()
}

/// The outputs of these lines, which are all typed into one bash.
fn paste(lines: &[&str]) -> Vec<Value> {
    let script = format!("{}\necho '<end>'\n", lines.join("\necho '<end>'\n"));
    let output = Command::new("bash").args(["-c", &script]).env_remove("http_proxy").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<&str> = printed.split("<end>\n").take(lines.len()).collect();
    assert_eq!(answers[0], "", "setting `TOKEN` prints nothing");
    answers[1..].iter().map(|answer| json_of(answer)).collect()
}

/// Everything that a first start prints, once its last line is there.
fn printed(process: &Process) -> String {
    listening(process);
    eventually("the lines to paste", LIMIT, || {
        let printed = process.stdout();
        printed.ends_with("\n\n").then_some(printed)
    })
}

fn assert_lines_work(printed: &str) {
    let lines = lines_to_paste(printed);
    assert!(lines[0].starts_with("TOKEN=$(curl"), "{printed}");
    assert!(lines.iter().any(|line| line.contains("/introspect") && line.contains("-u demo:")), "{printed}");
    let answers = paste(&lines);
    let [login, me, introspection, regenerated] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(login.as_object().unwrap().len(), 1, "{login}");
    assert_eq!(me["user"]["username"].as_str().or(me["username"].as_str()), Some("admin"), "{me}");
    assert_eq!((introspection["active"].as_bool(), introspection["username"].as_str()), (Some(true), Some("admin")));
    assert!(regenerated["token"].is_string() && regenerated["token"] != login["token"], "{regenerated}");
}

#[test]
fn the_lines_of_a_first_start_can_be_pasted_and_a_second_start_has_none() {
    let jeton = bare();
    let server = jeton.serve();
    assert_lines_work(&printed(&server));
    assert!(
        !server.stderr().contains(lines_to_paste(&server.stdout())[1].rsplit('=').next().unwrap()),
        "no secret in the log"
    );
    drop(server);
    let again = jeton.serve();
    again.signal("TERM");
    let output = again.output();
    assert_eq!((output.status, output.stdout.as_str()), (0, ""), "{output:?}");
}

#[test]
fn the_lines_work_for_a_unix_socket_another_keyword_and_all_addresses() {
    let socket = bare();
    let path = socket.dir.path().join("jeton.sock");
    let socket = socket.env("JETON_LISTEN", format!("unix:{}", path.display()));
    assert_lines_work(&printed(&socket.spawn(&["serve"], Stdio::null())));
    let keyword = bare().env("JETON_AUTH_KEYWORDS", "Api-Key");
    assert_lines_work(&printed(&keyword.spawn(&["serve"], Stdio::null())));
    let everywhere = bare().env("JETON_LISTEN", "0.0.0.0:0");
    let server = everywhere.serve();
    assert_lines_work(&printed(&server));
}

#[test]
fn the_lines_work_whatever_the_login_is_like() {
    for (format, by, key, admin) in [
        ("knox", "username", "token", "admin"),
        ("djoser", "email", "auth_token", "admin@localhost"),
        ("dj-rest-auth", "email", "key", "admin@localhost"),
    ] {
        let jeton = bare().env("JETON_LOGIN_FORMAT", format).env("JETON_LOGIN_BY", by);
        let server = jeton.serve();
        let printed = printed(&server);
        let answers = paste(&lines_to_paste(&printed));
        let [login, me, introspection, regenerated] = &answers[..] else { panic!("{answers:?}") };
        assert!(login[key].is_string(), "{login}");
        assert_eq!(me["username"], admin, "{me}");
        assert_eq!((&introspection["active"], &introspection["username"]), (&json!(true), &json!(admin)));
        assert!(regenerated["token"].is_string(), "{regenerated}");
    }
}

#[test]
fn files_of_a_first_start_are_accessible_to_their_owner_only() {
    let jeton = bare();
    let server = jeton.serve();
    printed(&server);
    let mut names = Vec::new();
    for entry in fs::read_dir(&jeton.dir).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["jeton.db", "jeton.db-shm", "jeton.db-wal", "jeton.db.key"]);
}

#[test]
fn a_lost_key_file_is_an_error_and_not_replaced() {
    let jeton = bare();
    drop(jeton.serve());
    let (key, away) = (jeton.dir.path().join("jeton.db.key"), jeton.dir.path().join("away"));
    fs::rename(&key, &away).unwrap();
    let why = refuses_to_start(&jeton);
    assert!(why.contains("jeton.db.key") && why.contains("JETON_SECRET_KEY"), "{why}");
    assert!(!key.exists(), "no other key was created");
    fs::write(&key, format!("{}\n", "5a".repeat(32))).unwrap();
    let why = refuses_to_start(&jeton);
    assert!(why.contains("key") && !why.contains("5a5a"), "{why}");
    fs::rename(&away, &key).unwrap();
    drop(jeton.serve());
}

#[test]
fn after_a_first_start_that_cannot_listen_the_next_start_prints_the_secrets() {
    let jeton = bare();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    let output = jeton.run(&["serve", "--listen", &taken]);
    assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output:?}");
    assert_lines_work(&printed(&jeton.serve()));
}

/// A server whose standard output the shell redirects to `place`. `exec` makes it the process that is returned.
fn with_output_to(jeton: &Jeton, place: &str) -> Process {
    let command = format!("exec {} serve >{place}", env!("CARGO_BIN_EXE_jeton"));
    let mut shell = Command::new("bash");
    shell.args(["-c", &command]).current_dir(&jeton.dir).env("JETON_LISTEN", "127.0.0.1:0");
    Process::start(shell.stdin(Stdio::null()))
}

#[test]
fn a_first_start_whose_output_is_closed_serves() {
    let jeton = bare();
    let server = with_output_to(&jeton, " >(exit)");
    listening(&server);
    server.signal("TERM");
    let output = server.output();
    assert_eq!(output.status, 0, "{output:?}");
}

#[test]
fn a_first_start_whose_output_cannot_be_written_fails_with_an_error() {
    let output = with_output_to(&bare(), "/dev/full").output();
    assert_eq!(output.status, 1, "{output:?}");
    assert!(output.stderr.contains("error: ") && !output.stderr.contains("panicked"), "{output:?}");
}

fn bootstrap(database: &TestDatabase, password: &str, secret: &str) -> Jeton {
    jeton(database)
        .env("JETON_BOOTSTRAP_ADMIN", ADMIN.0)
        .env("JETON_BOOTSTRAP_ADMIN_PASSWORD", password)
        .env("JETON_BOOTSTRAP_CLIENT_ID", CLIENT.0)
        .env("JETON_BOOTSTRAP_CLIENT_SECRET", secret)
}

on_both! {
    fn bootstrap_creates_missing_rows_and_never_changes_existing_ones(db) {
        let database = TestDatabase::new(db);
        let server = bootstrap(&database, ADMIN.1, CLIENT.1).serve();
        assert_eq!(try_login(&server, ADMIN.0, ADMIN.1).status, 200);
        assert_eq!(introspect_status(&server, CLIENT.0, CLIENT.1), 200);
        assert_eq!(server.stdout(), "", "with bootstrap settings no secrets are printed");
        drop(server);

        let other = "another password altogether";
        let jeton = bootstrap(&database, other, "another-secret-of-the-tests-0123456789");
        done(&jeton, &["user", "create", "heir", "--no-password", "--superuser"]);
        done(&jeton, &["user", "deactivate", ADMIN.0]);
        let before = done(&jeton, &["user", "list", "--json"]);
        let server = jeton.serve();
        assert_eq!(done(&jeton, &["user", "list", "--json"]), before);
        done(&jeton, &["user", "activate", ADMIN.0]);
        assert_eq!(try_login(&server, ADMIN.0, other).status, 400);
        assert_eq!(try_login(&server, ADMIN.0, ADMIN.1).status, 200);
        assert_eq!(introspect_status(&server, CLIENT.0, CLIENT.1), 200);
        assert_eq!(introspect_status(&server, CLIENT.0, "another-secret-of-the-tests-0123456789"), 401);

        done(&jeton, &["user", "delete", ADMIN.0]);
        done(&jeton, &["client", "delete", CLIENT.0]);
        drop(server);
        let server = jeton.serve();
        assert_eq!(try_login(&server, ADMIN.0, other).status, 200, "missing rows are created again");
        assert_eq!(introspect_status(&server, CLIENT.0, "another-secret-of-the-tests-0123456789"), 200);
    }

    fn without_bootstrap_settings_only_an_empty_sqlite_database_gets_an_admin_and_a_client(db) {
        let database = TestDatabase::new(db);
        let jeton = jeton(&database);
        let server = jeton.serve();
        if db == Kind::Sqlite {
            printed(&server);
        }
        server.signal("TERM");
        assert_eq!(lines_to_paste(&server.output().stdout).is_empty(), db == Kind::Postgres);
        let users = json_of(&done(&jeton, &["user", "list", "--json"]));
        assert_eq!(users.as_array().unwrap().len(), usize::from(db == Kind::Sqlite));
    }
}
