//! The first version's database, as it stands in `tests/fixtures/first`, brought to today's; and databases of jetons that
//! are newer than this one.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::commands::{asks_as, done, jeton, refused};
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

/// What the first version asks a database, with `$1` for bytes of a new token and `$2` for its digest's; each is told how
/// many rows it must touch or find.
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

/// A database of the first version.
fn first(kind: Kind) -> TestDatabase {
    let database = TestDatabase::new(kind);
    let (postgres, sqlite) = (include_str!("fixtures/first/postgres.sql"), include_str!("fixtures/first/sqlite.sql"));
    // To `sqlite3` a text that begins with a comment would be an option.
    database.sql(&format!("\n{}", if kind == Kind::Postgres { postgres } else { sqlite }));
    database
}

/// An older jeton made all tables in one transaction, and moved its log into the file neither then nor when it stopped.
#[test]
fn what_an_older_jeton_left_in_its_log_comes_along() {
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
    assert!(fs::metadata(file_of(&database, "")).unwrap().len() <= 4096, "all of it is in the log");
    let server = jeton(&database).serve();
    let login = json!({"username": ADMIN.0, "password": ADMIN.1});
    let answer = Request::new("POST", "/api-token-auth/").json(&login).send(server.addr);
    assert_eq!((answer.status, answer.json()), (200, json!({"token": KEY})), "{answer:?}");
}

/// A migration that this jeton does not know has run; what knows `needs` can go on with it.
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
    fn the_first_versions_database_is_brought_to_todays(db) {
        let database = first(db);
        let jeton = jeton(&database);
        let behind = refused(&jeton, &["user", "list"]);
        assert!(behind.contains("was made by an older jeton") && behind.contains("jeton migrate"), "{behind}");
        let server = jeton.serve();
        let login = json!({"username": ADMIN.0, "password": ADMIN.1});
        let answer = Request::new("POST", "/api-token-auth/").json(&login).send(server.addr);
        assert_eq!((answer.status, answer.json()), (200, json!({"token": KEY})), "the key is the same: {answer:?}");
        assert_eq!(asks_as(&server, CLIENT.0, CLIENT.1), 200);
        let me = Request::new("GET", "/me").token(KEY).send(server.addr);
        assert_eq!((me.status, me.json()["username"].as_str()), (200, Some(ADMIN.0)), "{me:?}");
        let users: serde_json::Value = serde_json::from_str(&done(&jeton, &["user", "list", "--json"])).unwrap();
        assert_eq!(users[0]["groups"], json!(["billing"]), "{users}");
        assert_eq!(done(&jeton, &["migrate"]), "");
    }

    fn the_first_versions_statements_go_on_over_todays_tables(db) {
        let database = first(db);
        done(&jeton(&database), &["migrate"]);
        let bytes = |byte: &str| {
            let hex = byte.repeat(32);
            if db == Kind::Postgres { format!("'\\x{hex}'") } else { format!("x'{hex}'") }
        };
        for (statement, found) in OLD_STATEMENTS {
            let statement = statement.replace("$1", &bytes("22")).replace("$2", &bytes("33"));
            assert_eq!(database.sql(&statement), found, "{statement}");
        }
    }

    fn beside_a_newer_jeton_an_older_one_goes_on_and_starts(db) {
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

    fn what_an_older_jeton_cannot_go_with_is_said_by_version(db) {
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
const SAME_AGAIN: &str = include_str!("../migrations/postgres/2026-11-28-150000_names_by_bytes/up.sql");

/// That the migrations with this beginning are still to be run.
fn not_run(beginning: &str) -> String {
    format!("delete from __diesel_schema_migrations where version like '{beginning}%';")
}

/// Whatever reads and writes, by several connections at once. Gives what was refused.
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
        let ask = |number| {
            move || {
                let answers = requests(number).into_iter().map(|request| app.send(request));
                answers.filter(|answer| answer.status >= 300).map(|answer| format!("{answer:?}")).collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..6).map(|number| scope.spawn(ask(number))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// jeton's sessions.
fn sessions(database: &TestDatabase) -> Vec<String> {
    let sessions = "select pid from pg_stat_activity where datname = current_database() and application_name = 'jeton'";
    database.sql(sessions).lines().map(str::to_owned).collect()
}

/// PostgreSQL refuses a statement that was prepared when a column was of another type, or collation.
#[test]
fn a_column_of_another_type_is_noticed_by_nobody_who_asks() {
    let app = App::with(Kind::Postgres, &[("JETON_CACHE_BYTES", "0")]);
    let token = app.admin_token();
    let none: [String; 0] = [];
    assert_eq!(refusals(&app, &token), none);
    for change in [OTHER_COLLATION, SAME_AGAIN] {
        app.database.sql(&format!("begin; {change}; commit;"));
        for _ in 0..3 {
            assert_eq!(refusals(&app, &token), none);
        }
    }
}

/// An older jeton does not prepare it anew: it opens other sessions.
#[test]
fn a_migration_that_changes_a_columns_type_ends_the_sessions_of_jeton_and_no_other_does() {
    let app = App::start(Kind::Postgres);
    let token = app.admin_token();
    assert!(refusals(&app, &token).is_empty());
    let mut operator = Session::open(&app.database);
    let again = not_run("20261128150000") + &not_run("20261128150100");
    app.database.sql(&format!("begin; {OTHER_COLLATION}; {again} commit;"));
    let before = sessions(&app.database);
    assert!(!before.is_empty());
    done(&jeton(&app.database), &["migrate"]);
    eventually("other sessions", LIMIT, || {
        let now = sessions(&app.database);
        before.iter().all(|pid| !now.contains(pid)).then_some(())
    });
    assert_eq!(operator.run("select 1;"), "1", "of a session of somebody else");
    app.wait_until_synced();
    let before = sessions(&app.database);
    app.database.sql(&not_run("20261128150300"));
    done(&jeton(&app.database), &["migrate"]);
    let now = sessions(&app.database);
    assert!(before.iter().any(|pid| now.contains(pid)), "{before:?}, then {now:?}");
    assert!(refusals(&app, &token).is_empty());
}

/// Which migrations were run.
fn run_so_far(database: &TestDatabase) -> String {
    database.sql("select string_agg(version, ' ' order by version) from __diesel_schema_migrations")
}

/// Whoever is told to stop while it waits for another's lock does not wait for it, and leaves all as it was.
#[test]
fn a_start_that_waits_for_a_migrations_lock_is_stopped_at_once() {
    let locks = [
        "begin; update users set email = 'a@example.com' where id = 1;",
        // What another node's migrations hold.
        "begin; select pg_advisory_xact_lock(7666661962603823105);",
    ];
    for lock in locks {
        let database = first(Kind::Postgres);
        let before = run_so_far(&database);
        let mut holder = Session::open(&database);
        holder.run(lock);
        let server: Process = jeton(&database).spawn(&["serve"], std::process::Stdio::null());
        database.wait_for_blocked(1);
        server.signal("TERM");
        assert_eq!(server.wait(LIMIT).code(), Some(0), "{lock}: {server:?}");
        assert!(server.stderr().contains("stopped before the start was done"), "{server:?}");
        holder.run("commit;");
        eventually("an end of its session", LIMIT, || sessions(&database).is_empty().then_some(()));
        assert_eq!(run_so_far(&database), before, "{lock}");
        done(&jeton(&database), &["migrate"]);
    }
}

/// A server that takes connections and says nothing.
#[test]
fn a_start_that_waits_for_the_database_is_stopped_at_once() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hosts = vec![format!("127.0.0.1:{}", silent.local_addr().unwrap().port()); 40].join(",");
    let url = format!("postgres://jeton@{hosts}/jeton");
    let waiting = TestDatabase { url, folder: None, postgres: None };
    let server: Process = jeton(&waiting).spawn(&["serve"], std::process::Stdio::null());
    let taken = silent.accept().unwrap();
    server.signal("TERM");
    assert_eq!(server.wait(LIMIT).code(), Some(0), "{server:?}");
    drop(taken);
}

/// A migration that waits for a lock keeps everybody who comes after it from the table, until it lets them pass.
#[test]
fn a_migration_that_waits_for_a_lock_lets_others_pass_and_tells() {
    let database = first(Kind::Postgres);
    let jeton: Jeton = jeton(&database);
    let mut holder = Session::open(&database);
    holder.run("begin; update users set email = 'a@example.com' where id = 1;");
    let migrate: Process = jeton.spawn(&["migrate"], std::process::Stdio::null());
    eventually("a word of the wait", LIMIT, || migrate.stderr().contains("migrations wait for locks").then_some(()));
    assert!(migrate.try_wait().is_none(), "{migrate:?}");
    // It waits as everybody does, and gets its turn while the holder goes on.
    database.sql(
        "set lock_timeout = '15s'; insert into users (id, username, password, date_joined) values (3, 'c', '!', now())",
    );
    holder.run("commit;");
    let output = migrate.output();
    assert_eq!(output.status, 0, "{output:?}");
    assert_eq!(database.sql("select count(*) from users"), "3");
    assert_eq!(database.sql("select email from users where id = 1"), "a@example.com");
}
