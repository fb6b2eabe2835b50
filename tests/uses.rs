//! `last_used_at` and `last_used_by`: noted at each use and written later, at most once a minute per token.

use std::time::Duration;

use jeton::domain::time::Clock;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{ADMIN, App, CLIENT, Kind, SECRET_KEY, TestDatabase};
use crate::support::calls::{MICRO, short_of};
use crate::support::eventually;
use crate::support::http::Request;
use crate::support::process::Jeton;

const LIMIT: Duration = Duration::from_secs(10);
const START: &str = "2025-06-15T15:06:40.123456Z";

type Use = fn(&App, &str) -> u16;

/// `last_used_at` of alice's token with this id, as the list of her tokens shows it.
fn last_used(app: &App, id: &Value) -> Value {
    let tokens = app.tokens_of("alice");
    tokens.iter().find(|token| token["id"] == *id).unwrap()["last_used_at"].clone()
}

/// The member of alice's token with this id that says by whom it was last used.
fn last_used_by(app: &App, id: &Value) -> Value {
    let tokens = app.tokens_of("alice");
    tokens.iter().find(|token| token["id"] == *id).unwrap()["last_used_by"].clone()
}

fn introspect_as(app: &App, client: (&str, &str), key: &str) {
    let answer = app.send(Request::new("POST", "/introspect").basic(client.0, client.1).form(&[("token", key)]));
    assert_eq!((answer.status, &answer.json()["active"]), (200, &json!(true)));
}

fn wait_until_written(app: &App, id: &Value, moment: &str) {
    eventually(moment, LIMIT, || (last_used(app, id) == moment).then_some(()));
}

/// Waits until everything noted before is written: it uses a new token and waits for that use, which is written last.
fn wait_for_flush(app: &App, login: &str) {
    let (id, key) = new_named_token(app, login);
    app.introspect(&key);
    eventually("a flush", LIMIT, || last_used(app, &id).is_string().then_some(()));
}

/// The id and the key of a new named token of alice.
fn new_named_token(app: &App, login: &str) -> (Value, String) {
    let made = app.name_token(login, &json!({"name": "n"}));
    (made["id"].clone(), made["token"].as_str().unwrap().to_owned())
}

on_both! {
    fn an_unused_token_has_no_last_used_at(db) {
        let app = App::start(db);
        let login = app.alice();
        let (id, _) = new_named_token(&app, &login);
        wait_for_flush(&app, &login);
        assert_eq!(last_used(&app, &id), json!(null));
    }

    fn every_kind_of_use_is_noted(db) {
        let app = App::start(db);
        let login = app.alice();
        let uses: [(&str, Use); 5] = [
            ("introspection", |app, key| if app.introspect(key)["active"] == json!(true) { 200 } else { 0 }),
            ("batch", |app, key| app.batch(&json!({"tokens": ["", key]})).status),
            ("/me", |app, key| app.get("/me", key).status),
            ("/auth/verify", |app, key| app.get("/auth/verify", key).status),
            ("/tokens/, where it is refused", |app, key| if app.get("/tokens/", key).status == 403 { 200 } else { 0 }),
        ];
        for (name, used) in uses {
            let (id, key) = new_named_token(&app, &login);
            assert_eq!(used(&app, &key), 200, "{name}");
            eventually(name, LIMIT, || (last_used(&app, &id) == START).then_some(()));
        }
    }

    fn it_is_noted_by_whom_a_token_is_used(db) {
        let app = App::start(db);
        let login = app.alice();
        let uses: [(&str, &str, Use); 7] = [
            ("by a client", "demo", |app, key| { introspect_as(app, CLIENT, key); 200 }),
            // The credentials are known now, so the router is passed by.
            ("by a client again", "demo", |app, key| { introspect_as(app, CLIENT, key); 200 }),
            ("in a batch", "demo", |app, key| app.batch(&json!({"tokens": ["", key]})).status),
            ("by staff", "user admin", |app, key| {
                app.send(Request::new("POST", "/introspect").token(&app.admin_token()).form(&[("token", key)])).status
            }),
            ("by its holder", "jeton itself", |app, key| app.get("/me", key).status),
            ("at a gateway", "a gateway", |app, key| app.get("/auth/verify", key).status),
            ("at an edge", "billing via demo", |app, key| {
                app.batch(&json!({"tokens": [key], "edge": true, "used_by": ["billing"]})).status
            }),
        ];
        let mut used = Vec::new();
        for (name, by, used_by) in uses {
            let (id, key) = new_named_token(&app, &login);
            assert_eq!(last_used_by(&app, &id), Value::Null, "{name}");
            assert_eq!(used_by(&app, &key), 200, "{name}");
            assert_eq!(app.explain(&key)["token"]["last_used_by"], by, "{name}, before it is written");
            eventually(name, LIMIT, || (last_used_by(&app, &id) == by).then_some(()));
            used.push((id, key, by));
        }
        let (id, key, _) = &used[0];
        let listed = app.get("/tokens/", &login).json();
        assert!(!listed.to_string().contains("last_used_by"), "{listed}: holders are not told");
        assert!(!app.get("/me", key).text().contains("last_used_by"));
        let explained = app.binary().run_with_stdin(&["token", "explain"], key);
        assert!(explained.stderr.contains("token.last_used_by demo\n"), "{explained:?}");
        let table = app.binary().run(&["token", "list", "alice"]).stdout;
        assert!(table.lines().next().unwrap().ends_with("LAST USED BY") && table.contains("  billing via demo"), "{table}");
        let listed: Value = serde_json::from_str(&app.binary().run(&["token", "list", "alice", "--json"]).stdout).unwrap();
        let listed = listed.as_array().unwrap().iter().find(|token| token["id"] == *id).unwrap();
        assert_eq!((&listed["last_used_by"], &listed["username"]), (&json!("demo"), &json!("alice")));
        // Another node reads what is written.
        let node = app.node(&[]);
        for (_, key, by) in &used {
            assert_eq!(node.explain(key)["token"]["last_used_by"], *by);
        }
    }

    fn who_used_a_token_is_written_at_most_once_a_minute_by_whichever_node(db) {
        let app = App::start(db);
        let login = app.alice();
        let admin = app.admin_token();
        let made = app.post("/admin/clients/", &admin, &json!({"client_id": "billing"})).json();
        let billing = ("billing", made["client_secret"].as_str().unwrap());
        let (id, key) = new_named_token(&app, &login);
        introspect_as(&app, CLIENT, &key);
        wait_until_written(&app, &id, START);
        app.clock.advance(short_of(Duration::from_mins(1)));
        let node = app.node(&[]);
        let changes = || app.database.sql("select count(*) from changes where what in ('token', 'user')");
        let before = changes();
        introspect_as(&app, billing, &key);
        introspect_as(&node, billing, &key);
        assert_eq!(app.get("/auth/verify", &key).status, 200);
        app.clock.advance(MICRO);
        assert_eq!(node.explain(&key)["token"]["last_used_by"], "demo");
        assert_eq!(last_used_by(&app, &id), "demo");
        introspect_as(&node, billing, &key);
        wait_until_written(&app, &id, "2025-06-15T15:07:40.123456Z");
        assert_eq!(last_used_by(&app, &id), "billing");
        assert_eq!(changes(), before, "usage ends no answer");
        // A name stays readable when its client is gone.
        assert_eq!(app.delete("/admin/clients/billing", &admin).status, 204);
        assert_eq!((last_used_by(&app, &id), &app.introspect(&key)["active"]), (json!("billing"), &json!(true)));
    }

    fn an_edge_must_name_the_user_of_each_token_or_of_none(db) {
        let app = App::start(db);
        let login = app.alice();
        let (id, key) = new_named_token(&app, &login);
        for used_by in [json!([]), json!(["a", "b"]), json!([1]), json!("a"), json!(null)] {
            let answer = app.batch(&json!({"tokens": [key], "edge": true, "used_by": used_by}));
            assert_eq!((answer.status, answer.json()["error"].clone()), (400, json!("invalid_request")), "{used_by}");
        }
        assert_eq!(app.batch(&json!({"tokens": [key], "used_by": ["someone"]})).status, 200, "not an edge");
        eventually("the use", LIMIT, || (last_used_by(&app, &id) == "demo").then_some(()));
        for (used_by, shown) in [("", "demo"), ("x\u{0}\u{202e}y", "x\\u{0}\\u{202e}y via demo")] {
            let (id, key) = new_named_token(&app, &login);
            assert_eq!(app.batch(&json!({"tokens": [key], "edge": true, "used_by": [used_by]})).status, 200);
            eventually(shown, LIMIT, || (last_used_by(&app, &id) == shown).then_some(()));
        }
        // Edges of earlier versions do not say it.
        let (id, key) = new_named_token(&app, &login);
        assert_eq!(app.batch(&json!({"tokens": [key], "edge": true})).status, 200);
        eventually("the use", LIMIT, || (last_used_by(&app, &id) == "demo").then_some(()));
    }

    fn listing_or_explaining_a_token_does_not_count_as_use(db) {
        let app = App::start(db);
        let login = app.alice();
        let (id, key) = new_named_token(&app, &login);
        app.explain(&key);
        app.tokens_of("alice");
        assert_eq!(app.binary().run_with_stdin(&["token", "explain"], &key).stdout, "active\n");
        let (dead, revoked) = new_named_token(&app, &login);
        app.revoke(&revoked);
        app.introspect(&revoked);
        wait_for_flush(&app, &login);
        assert_eq!(last_used(&app, &id), json!(null));
        let unused = format!("select count(*) from tokens where id = {dead} and last_used_at is null");
        assert_eq!(app.database.sql(&unused), "1");
    }

    fn last_used_at_is_written_at_most_once_a_minute(db) {
        let app = App::start(db);
        let login = app.alice();
        let (id, key) = new_named_token(&app, &login);
        app.introspect(&key);
        wait_until_written(&app, &id, START);
        app.clock.advance(short_of(Duration::from_mins(1)));
        app.introspect(&key);
        wait_for_flush(&app, &login);
        assert_eq!(last_used(&app, &id), START);
        app.clock.advance(MICRO);
        app.introspect(&key);
        wait_until_written(&app, &id, "2025-06-15T15:07:40.123456Z");
    }

    fn the_later_of_two_uses_on_different_nodes_is_stored(db) {
        let app = App::start(db);
        let login = app.alice();
        let (id, key) = new_named_token(&app, &login);
        let early = App::on(app.database.clone(), Clock::fixed(app.clock.now()), &[]);
        app.clock.advance(Duration::from_hours(1));
        app.introspect(&key);
        wait_until_written(&app, &id, "2025-06-15T16:06:40.123456Z");
        early.introspect(&key);
        drop(early); // writes what it has noted
        assert_eq!(last_used(&app, &id), "2025-06-15T16:06:40.123456Z");
    }

    fn the_uses_of_two_hundred_tokens_at_once_are_all_written(db) {
        let app = App::with(db, &[("JETON_NAMED_TOKENS_PER_USER", "none")]);
        let login = app.alice();
        let keys: Vec<String> = (0..200).map(|_| new_named_token(&app, &login).1).collect();
        std::thread::scope(|scope| {
            for chunk in keys.chunks(25) {
                scope.spawn(|| chunk.iter().for_each(|key| assert_eq!(app.get("/me", key).status, 200)));
            }
        });
        let unused = "select count(*) from tokens where name = 'n' and last_used_at is null";
        eventually("all uses", LIMIT, || (app.database.sql(unused) == "0").then_some(()));
    }

    fn a_stopping_server_writes_the_usage_that_it_has_noted(db) {
        let database = TestDatabase::new(db);
        let jeton = serving_on(&database);
        let serving = jeton.serve();
        let body = json!({"username": ADMIN.0, "password": ADMIN.1});
        let login = Request::new("POST", "/api-token-auth/").json(&body).send(serving.addr);
        let login = login.json()["token"].as_str().unwrap().to_owned();
        let named = Request::new("POST", "/tokens/").token(&login).json(&json!({"name": "n", "password": ADMIN.1})).send(serving.addr);
        let named = named.json()["token"].as_str().unwrap().to_owned();
        // This session's lock stops every flush, until the server has tried its first flush of the shutdown.
        let mut other = database.writer();
        if db == Kind::Postgres {
            other.run("lock table tokens in share row exclusive mode;");
        }
        assert_eq!(Request::new("GET", "/me").token(&named).send(serving.addr).status, 200);
        serving.signal("TERM");
        eventually("a last flush", LIMIT, || {
            serving.stderr().contains("usage or last logins are not written yet at shutdown").then_some(())
        });
        other.run("commit;");
        assert!(serving.wait(Duration::from_secs(20)).success(), "{serving:?}");
        assert_eq!(database.sql("select count(*) from tokens where last_used_at is null"), "0");
    }

    fn a_server_that_stops_does_not_wait_for_a_database_that_never_answers(db) {
        let database = TestDatabase::new(db);
        let serving = serving_on(&database).serve();
        let body = json!({"username": ADMIN.0, "password": ADMIN.1});
        let login = Request::new("POST", "/api-token-auth/").json(&body).send(serving.addr);
        let key = login.json()["token"].as_str().unwrap().to_owned();
        let mut other = database.writer();
        if db == Kind::Postgres {
            other.run("lock table tokens in share row exclusive mode;");
        }
        assert_eq!(Request::new("GET", "/me").token(&key).send(serving.addr).status, 200);
        serving.signal("TERM");
        assert!(serving.wait(Duration::from_secs(20)).success(), "{serving:?}");
        assert!(serving.stderr().contains("usage or last logins were lost at shutdown"), "{serving:?}");
    }
}

#[test]
fn at_shutdown_a_locked_row_does_not_delay_other_rows() {
    let database = TestDatabase::new(Kind::Postgres);
    let serving = serving_on(&database).serve();
    let send = |request: Request| request.send(serving.addr).json();
    let login = send(Request::new("POST", "/api-token-auth/").json(&json!({"username": ADMIN.0, "password": ADMIN.1})));
    let login = login["token"].as_str().unwrap();
    let named = json!({"name": "n", "password": ADMIN.1});
    let made = [(); 2].map(|()| send(Request::new("POST", "/tokens/").token(login).json(&named)));
    let (mut row, mut table) = (database.writer(), database.writer());
    row.run(&format!("select 1 from tokens where id = {} for update;", made[0]["id"]));
    // The lock on the table stops every write until the server shuts down.
    table.run("lock table tokens in share row exclusive mode;");
    for made in &made {
        send(Request::new("GET", "/me").token(made["token"].as_str().unwrap()));
    }
    serving.signal("TERM");
    let logged = |words: &str| serving.stderr().contains(words).then_some(());
    eventually("a last flush", LIMIT, || logged("usage or last logins are not written yet at shutdown"));
    table.run("commit;");
    assert!(serving.wait(Duration::from_secs(20)).success(), "{serving:?}");
    assert!(logged("the rows of 1 tokens are locked").is_some(), "{serving:?}");
    let unused = database.sql("select id from tokens where last_used_at is null");
    assert_eq!(unused, made[0]["id"].to_string());
}

#[test]
fn a_locked_row_does_not_delay_other_rows_and_is_written_when_it_is_unlocked() {
    let app = App::start(Kind::Postgres);
    let login = app.alice();
    let ((locked, key), (free, other)) = (new_named_token(&app, &login), new_named_token(&app, &login));
    let mut session = app.database.writer();
    session.run(&format!("select 1 from tokens where id = {locked} for update;"));
    app.introspect(&key);
    app.introspect(&other);
    wait_until_written(&app, &free, START);
    assert_eq!(last_used(&app, &locked), json!(null));
    session.run("commit;");
    wait_until_written(&app, &locked, START);
}

fn serving_on(database: &TestDatabase) -> Jeton {
    let settings = [
        ("DATABASE_URL", database.url.as_str()),
        ("JETON_SECRET_KEY", SECRET_KEY),
        ("JETON_ARGON2_MEMORY_KIB", "64"),
        ("JETON_ARGON2_ITERATIONS", "1"),
        ("JETON_BOOTSTRAP_ADMIN", ADMIN.0),
        ("JETON_BOOTSTRAP_ADMIN_PASSWORD", ADMIN.1),
    ];
    settings.iter().fold(Jeton::new(), |jeton, (name, value)| jeton.env(name, *value))
}
