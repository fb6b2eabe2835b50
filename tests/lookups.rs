//! Questions to the database that are asked together.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::app::{App, CLIENT, Kind};
use crate::support::eventually;
use crate::support::http::Request;
use crate::support::session::Session;

/// A way to ask whether a key is good: status and body.
type Ask<'a> = &'a (dyn Fn(&App, &str) -> (u16, String) + Sync);

/// Patient, so that a lock held for a moment is no failure; one worker, so that requests come in the order they were sent.
const PATIENT: [(&str, &str); 2] = [("JETON_DATABASE_TIMEOUT", "10s"), ("JETON_WORKERS", "1")];

fn ask(app: &App, key: &str) -> (u16, String) {
    let answer = app.send(Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1).form(&[("token", key)]));
    (answer.status, answer.text())
}

fn active(answer: &(u16, String)) -> bool {
    answer.0 == 200 && answer.1.contains("\"active\":true")
}

#[test]
fn a_row_that_cannot_be_read_spoils_nobody_else_s_answer() {
    let app = App::with(Kind::Postgres, &PATIENT);
    let first = app.alice();
    let named =
        |at: usize| app.name_token(&first, &json!({"name": format!("{at}")}))["token"].as_str().unwrap().to_owned();
    let keys: Vec<String> = (0..40).map(named).collect();
    // What no time of ours can be; PostgreSQL takes it.
    app.sql("update tokens set expires_at = 'infinity' where name = '7'");
    assert!(active(&ask(&app, &first)), "the client is known from here on");
    let mut session = Session::open(&app.database);
    session.run("begin; lock table tokens;");
    let answers = thread::scope(|scope| {
        let asked: Vec<_> = keys.iter().map(|key| scope.spawn(|| ask(&app, key))).collect();
        // All threads that ask wait for the lock; whoever comes now waits to be asked for with others.
        app.database.wait_for_blocked(2);
        app.send(Request::new("GET", "/healthz"));
        session.run("commit;");
        asked.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    for (at, answer) in answers.iter().enumerate() {
        if at == 7 {
            assert_eq!(answer.0, 500, "{answer:?}");
        } else {
            assert!(active(answer), "{at}: {answer:?}");
        }
    }
    let asked_for = app.count("jeton_lookup_tokens_total");
    assert!(asked_for > app.count("jeton_lookup_statements_total"), "some were asked for together");
}

/// It has read that the token is good when the token is revoked, and is still under way.
#[test]
fn a_lookup_under_way_while_its_token_is_revoked_is_not_kept() {
    let app = App::with(Kind::Postgres, &PATIENT);
    let first = app.alice();
    // The groups are what the statement reads last. Here it waits in the middle of them, when it has seen the token.
    app.sql(
        "insert into groups (name) values ('a');
         insert into user_groups select users.id, groups.id from users, groups where username = 'alice';
         alter table user_groups rename to memberships;
         create view user_groups as select user_id, group_id from memberships
             where pg_advisory_xact_lock_shared(42) is not null",
    );
    app.introspect(&first);
    let batch = |app: &App, key: &str| {
        let answer = app.batch(&json!({"tokens": [key]}));
        (answer.status, answer.text())
    };
    let ways: [(&str, Ask<'_>); 2] = [("one", &ask), ("a batch", &batch)];
    for (name, ask) in ways {
        let key = app.name_token(&first, &json!({"name": name}))["token"].as_str().unwrap().to_owned();
        app.wait_until_synced();
        let mut session = Session::open(&app.database);
        session.run("select pg_advisory_lock(42);");
        thread::scope(|scope| {
            let asked = scope.spawn(|| ask(&app, &key));
            app.database.wait_for_blocked(1);
            app.database.sql(&format!("update tokens set revoked_at = '2000-01-01' where name = '{name}'"));
            app.wait_until_synced();
            session.run("select pg_advisory_unlock(42);");
            assert!(active(&asked.join().unwrap()), "{name}: it was asked before");
        });
        assert!(!active(&ask(&app, &key)), "{name}");
    }
}

#[test]
fn the_watch_ends_with_its_server_however_small_the_bound() {
    let app = App::with(Kind::Postgres, &[("JETON_REVOCATION_BOUND", "1ms")]);
    let key = app.alice();
    assert!(active(&ask(&app, &key)));
    let database = app.database.clone();
    let listening = "select count(*) from pg_stat_activity where datname = current_database() and query ~ '^listen'";
    eventually("a listener", Duration::from_secs(10), || (database.sql(listening) == "1").then_some(()));
    drop(app);
    eventually("its end", Duration::from_secs(10), || (database.sql(listening) == "0").then_some(()));
}
