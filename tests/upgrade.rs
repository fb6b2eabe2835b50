//! Upgrades: jeton migrates a database of its first version (`tests/fixtures/first`), and meets databases that a newer
//! jeton has migrated.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::commands::{done, introspect_status, jeton, refused};
use crate::on_both;
use crate::serve::refuses_to_start;
use crate::support::app::{ADMIN, App, CLIENT, Kind, TestDatabase};
use crate::support::calls::PASSWORD;
use crate::support::eventually;
use crate::support::http::Request;
use crate::support::process::{Jeton, Process};
use crate::support::session::Session;

/// The login key that the first version gave to its admin.
const KEY: &str = "e9ce335ec90914ba2b1970cfc5e3c27e966576b3";
const LIMIT: Duration = Duration::from_secs(20);

/// Statements of the first version, each with the output that it must have. `$1` stands for a token's digest and `$2`
/// for its seal.
const OLD_STATEMENTS: [(&str, &str); 12] = [
    ("insert into users (id, username, password, date_joined) values (2, 'bob', '!', '2026-11-24 10:00:00')", ""),
    ("update meta set value = '2' where key = 'last_user_id'", ""),
    (
        "insert into tokens (user_id, digest, sealed, hint, created_at) values (2, $1, $2, '2222', '2026-11-24 10:00:00')",
        "",
    ),
    ("select count(*) from tokens join users on users.id = tokens.user_id where tokens.digest = $1", "1"),
    ("update users set last_login = '2026-11-24 10:00:00' where id = 2", ""),
    ("select username from users where id = 2 and password = '!' and is_active", "bob"),
    (
        "update tokens set revoked_at = '2026-11-24 11:00:00', revoked_by = 'bob', sealed = null where user_id = 2 \
      and revoked_at is null",
        "",
    ),
    ("select count(*) from tokens where digest = $1 and revoked_at is not null and sealed is null", "1"),
    ("insert into groups (name) values ('ops')", ""),
    ("insert into user_groups (user_id, group_id) select 2, id from groups where name = 'ops'", ""),
    ("insert into audit_log (at, actor, action, target) values ('2026-11-24 10:00:00', 'bob', 'login', 'bob')", ""),
    ("select count(*) from clients where client_id = 'demo'", "1"),
];

/// A new database with the tables and rows of the first version.
fn first_version_database(kind: Kind) -> TestDatabase {
    let database = TestDatabase::new(kind);
    let (postgres, sqlite) = (include_str!("fixtures/first/postgres.sql"), include_str!("fixtures/first/sqlite.sql"));
    // `sqlite3` takes a text that begins with `--` for an option, so a line break comes first.
    database.sql(&format!("\n{}", if kind == Kind::Postgres { postgres } else { sqlite }));
    database
}

/// An older jeton creates all tables in one transaction and makes no checkpoint, so all its rows are in the WAL file.
#[test]
fn rows_that_are_only_in_an_older_jetons_wal_file_are_migrated_too() {
    let (written, database) = (TestDatabase::new(Kind::Sqlite), TestDatabase::new(Kind::Sqlite));
    let mut older = Session::open(&written);
    older.run("pragma journal_mode = wal; pragma wal_autocheckpoint = 0;");
    older.run(&format!("begin;\n{}\ncommit;", include_str!("fixtures/first/sqlite.sql")));
    let file_of = |database: &TestDatabase, end: &str| {
        PathBuf::from(format!("{}{end}", database.url.strip_prefix("sqlite://").unwrap()))
    };
    for end in ["", "-wal"] {
        fs::copy(file_of(&written, end), file_of(&database, end)).unwrap();
    }
    assert!(fs::metadata(file_of(&database, "")).unwrap().len() <= 4096, "all rows are in the WAL file");
    let server = jeton(&database).serve();
    let login = json!({"username": ADMIN.0, "password": ADMIN.1});
    let answer = Request::new("POST", "/api-token-auth/").json(&login).send(server.addr);
    assert_eq!((answer.status, answer.json()), (200, json!({"token": KEY})), "{answer:?}");
}

/// Adds a migration that this jeton does not know. Only a jeton that knows the migration `needs` can use the new
/// schema.
fn make_newer(database: &TestDatabase, needs: &str) {
    database.sql(&format!(
        "insert into __diesel_schema_migrations (version) values ('99990101000000'); \
         update meta set value = '{needs}' where key = 'schema_usable_from'"
    ));
}

fn schema_of(app: &App) -> (u16, String) {
    let answer = app.send(Request::new("GET", "/readyz"));
    (answer.status, answer.json()["schema"].as_str().unwrap_or_default().to_owned())
}

on_both! {
    fn the_first_versions_database_is_migrated(db) {
        let database = first_version_database(db);
        let jeton = jeton(&database);
        let behind = refused(&jeton, &["user", "list"]);
        assert!(behind.contains("was made by an older jeton") && behind.contains("jeton migrate"), "{behind}");
        let server = jeton.serve();
        let login = json!({"username": ADMIN.0, "password": ADMIN.1});
        let answer = Request::new("POST", "/api-token-auth/").json(&login).send(server.addr);
        assert_eq!((answer.status, answer.json()), (200, json!({"token": KEY})), "the key is the same: {answer:?}");
        assert_eq!(introspect_status(&server, CLIENT.0, CLIENT.1), 200);
        let me = Request::new("GET", "/me").token(KEY).send(server.addr);
        assert_eq!((me.status, me.json()["username"].as_str()), (200, Some(ADMIN.0)), "{me:?}");
        let users: serde_json::Value = serde_json::from_str(&done(&jeton, &["user", "list", "--json"])).unwrap();
        assert_eq!(users[0]["groups"], json!(["billing"]), "{users}");
        assert_eq!(done(&jeton, &["migrate"]), "");
    }

    fn the_first_versions_statements_still_work_on_todays_tables(db) {
        let database = first_version_database(db);
        done(&jeton(&database), &["migrate"]);
        let bytes = |byte: &str| {
            let hex = byte.repeat(32);
            if db == Kind::Postgres { format!("'\\x{hex}'") } else { format!("x'{hex}'") }
        };
        for (statement, output) in OLD_STATEMENTS {
            let statement = statement.replace("$1", &bytes("22")).replace("$2", &bytes("33"));
            assert_eq!(database.sql(&statement), output, "{statement}");
        }
    }

    fn an_older_jeton_keeps_running_and_starts_beside_a_newer_one(db) {
        let app = App::start(db);
        make_newer(&app.database, "20261123000000");
        eventually("the newer schema", LIMIT, || (schema_of(&app) == (200, "newer".into())).then_some(()));
        assert_eq!(app.introspect(&app.admin_token())["active"], true);
        let other = app.node(&[]);
        assert_eq!(schema_of(&other), (200, "newer".into()));
        drop(other);
        done(&jeton(&app.database), &["migrate"]);
        done(&jeton(&app.database), &["user", "list"]);
    }

    fn a_schema_that_is_too_new_is_refused_with_the_version_that_it_needs(db) {
        let app = App::start(db);
        make_newer(&app.database, "99990101000000");
        eventually("the schema that is too new", LIMIT, || (schema_of(&app) == (503, "too_new".into())).then_some(()));
        for words in [refuses_to_start(&jeton(&app.database)), refused(&jeton(&app.database), &["user", "list"])] {
            assert!(words.contains("needs a jeton that knows the migration 99990101000000"), "{words}");
            assert!(words.contains("the newest that this one knows is 2026"), "{words}");
        }
    }
}

const OTHER_COLLATION: &str = include_str!("../migrations/postgres/2026-11-28-150000_names_by_bytes/down.sql");
const TODAYS_COLLATION: &str = include_str!("../migrations/postgres/2026-11-28-150000_names_by_bytes/up.sql");

/// SQL after which the migrations whose version has this prefix count as not run yet.
fn mark_as_not_run(prefix: &str) -> String {
    format!("delete from __diesel_schema_migrations where version like '{prefix}%';")
}

/// Sends requests that read and write, from six threads at once. Returns the answers that are not a success.
fn refusals(app: &App, token: &str) -> Vec<String> {
    let named = |number: usize| {
        let name = format!("u{number}{}", app.database.sql("select count(*) from audit_log"));
        json!({"username": name, "password": PASSWORD})
    };
    let requests = |number| {
        vec![
            Request::new("POST", "/api-token-auth/").json(&json!({"username": ADMIN.0, "password": ADMIN.1})),
            Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1).form(&[("token", token)]),
            Request::new("GET", "/auth/verify").token(token),
            Request::new("GET", "/me").token(token),
            Request::new("GET", "/admin/users/?search=adm").token(token),
            Request::new("GET", "/admin/clients/").token(token),
            Request::new("GET", "/admin/audit/").token(token),
            Request::new("POST", "/admin/users/").token(token).json(&named(number)),
        ]
    };
    std::thread::scope(|scope| {
        let send_all = |number| {
            move || {
                let answers = requests(number).into_iter().map(|request| app.send(request));
                answers.filter(|answer| answer.status >= 300).map(|answer| format!("{answer:?}")).collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..6).map(|number| scope.spawn(send_all(number))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// The process ids of jeton's sessions in PostgreSQL.
fn sessions(database: &TestDatabase) -> Vec<String> {
    let sessions = "select pid from pg_stat_activity where datname = current_database() and application_name = 'jeton'";
    database.sql(sessions).lines().map(str::to_owned).collect()
}

/// PostgreSQL refuses a prepared statement after a column that it returns has changed its type or collation.
#[test]
fn no_request_fails_after_a_columns_collation_has_changed() {
    let app = App::with(Kind::Postgres, &[("JETON_CACHE_BYTES", "0")]);
    let token = app.admin_token();
    let none: [String; 0] = [];
    assert_eq!(refusals(&app, &token), none);
    for change in [OTHER_COLLATION, TODAYS_COLLATION] {
        app.database.sql(&format!("begin; {change}; commit;"));
        for _ in 0..3 {
            assert_eq!(refusals(&app, &token), none);
        }
    }
}

/// An older jeton prepares such a statement again only in a new session, so the migration ends its old ones.
#[test]
fn only_a_migration_that_changes_a_columns_type_ends_jetons_sessions() {
    let app = App::start(Kind::Postgres);
    let token = app.admin_token();
    assert!(refusals(&app, &token).is_empty());
    let mut operator = Session::open(&app.database);
    let again = mark_as_not_run("20261128150000") + &mark_as_not_run("20261128150100");
    app.database.sql(&format!("begin; {OTHER_COLLATION}; {again} commit;"));
    let before = sessions(&app.database);
    assert!(!before.is_empty());
    done(&jeton(&app.database), &["migrate"]);
    eventually("new sessions in place of all old ones", LIMIT, || {
        let now = sessions(&app.database);
        before.iter().all(|pid| !now.contains(pid)).then_some(())
    });
    assert_eq!(operator.run("select 1;"), "1", "sessions of others are not ended");
    app.wait_until_synced();
    let before = sessions(&app.database);
    app.database.sql(&mark_as_not_run("20261128150300"));
    done(&jeton(&app.database), &["migrate"]);
    let now = sessions(&app.database);
    assert!(before.iter().any(|pid| now.contains(pid)), "{before:?}, then {now:?}");
    assert!(refusals(&app, &token).is_empty());
}

/// The versions of the migrations that have run.
fn migrations_run(database: &TestDatabase) -> String {
    database.sql("select string_agg(version, ' ' order by version) from __diesel_schema_migrations")
}

/// SIGTERM stops a start that waits for a lock of another session. The start then changes nothing.
#[test]
fn a_start_that_waits_for_a_migrations_lock_is_stopped_at_once() {
    let locks = [
        "begin; update users set email = 'a@example.com' where id = 1;",
        // The lock that another node holds while it migrates.
        "begin; select pg_advisory_xact_lock(7666661962603823105);",
    ];
    for lock in locks {
        let database = first_version_database(Kind::Postgres);
        let before = migrations_run(&database);
        let mut holder = Session::open(&database);
        holder.run(lock);
        let server: Process = jeton(&database).spawn(&["serve"], std::process::Stdio::null());
        database.wait_for_blocked(1);
        server.signal("TERM");
        assert_eq!(server.wait(LIMIT).code(), Some(0), "{lock}: {server:?}");
        assert!(server.stderr().contains("stopped before the start was done"), "{server:?}");
        holder.run("commit;");
        eventually("the end of jeton's session", LIMIT, || sessions(&database).is_empty().then_some(()));
        assert_eq!(migrations_run(&database), before, "{lock}");
        done(&jeton(&database), &["migrate"]);
    }
}

/// The database is a server that accepts connections and never answers.
#[test]
fn a_start_that_waits_for_the_database_is_stopped_at_once() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hosts = vec![format!("127.0.0.1:{}", silent.local_addr().unwrap().port()); 40].join(",");
    let url = format!("postgres://jeton@{hosts}/jeton");
    let waiting = TestDatabase { url, folder: None, postgres: None };
    let server: Process = jeton(&waiting).spawn(&["serve"], std::process::Stdio::null());
    let accepted = silent.accept().unwrap();
    server.signal("TERM");
    assert_eq!(server.wait(LIMIT).code(), Some(0), "{server:?}");
    drop(accepted);
}

/// While a migration waits for a table's lock, later statements on that table wait behind the migration. So it stops
/// waiting after a while, and tries again.
#[test]
fn a_migration_that_waits_for_a_lock_lets_other_statements_pass_and_logs_the_wait() {
    let database = first_version_database(Kind::Postgres);
    let jeton: Jeton = jeton(&database);
    let mut holder = Session::open(&database);
    holder.run("begin; update users set email = 'a@example.com' where id = 1;");
    let migrate: Process = jeton.spawn(&["migrate"], std::process::Stdio::null());
    eventually("the line about the wait", LIMIT, || {
        migrate.stderr().contains("migrations wait for locks").then_some(())
    });
    assert!(migrate.try_wait().is_none(), "{migrate:?}");
    // This statement waits behind the migration, and succeeds while the holder still has its lock.
    database.sql(
        "set lock_timeout = '15s'; insert into users (id, username, password, date_joined) values (3, 'c', '!', now())",
    );
    holder.run("commit;");
    let output = migrate.output();
    assert_eq!(output.status, 0, "{output:?}");
    assert_eq!(database.sql("select count(*) from users"), "3");
    assert_eq!(database.sql("select email from users where id = 1"), "a@example.com");
}
