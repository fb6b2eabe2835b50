//! Lookups that share one database query.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::app::{App, CLIENT, Kind};
use crate::support::eventually;
use crate::support::http::Request;
use crate::support::session::Session;

/// A way to introspect a key, which returns the status and the body.
type Introspect<'a> = &'a (dyn Fn(&App, &str) -> (u16, String) + Sync);

/// A long time-out, so that a short lock is no failure, and one worker, so that requests arrive in the order of
/// sending.
const PATIENT: [(&str, &str); 2] = [("JETON_DATABASE_TIMEOUT", "10s"), ("JETON_WORKERS", "1")];

fn introspect(app: &App, key: &str) -> (u16, String) {
    let answer = app.send(Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1).form(&[("token", key)]));
    (answer.status, answer.text())
}

fn is_active(answer: &(u16, String)) -> bool {
    answer.0 == 200 && answer.1.contains("\"active\":true")
}

#[test]
fn a_row_that_cannot_be_read_does_not_affect_other_lookups() {
    let app = App::with(Kind::Postgres, &PATIENT);
    let first = app.alice();
    let named =
        |at: usize| app.name_token(&first, &json!({"name": format!("{at}")}))["token"].as_str().unwrap().to_owned();
    let keys: Vec<String> = (0..40).map(named).collect();
    // PostgreSQL accepts this time, but jeton cannot read it.
    app.sql("update tokens set expires_at = 'infinity' where name = '7'");
    assert!(is_active(&introspect(&app, &first)), "the client's credentials are now cached");
    let mut session = Session::open(&app.database);
    session.run("begin; lock table tokens;");
    let answers = thread::scope(|scope| {
        let threads: Vec<_> = keys.iter().map(|key| scope.spawn(|| introspect(&app, key))).collect();
        // All connections wait for the lock, so further lookups wait until they can share a query.
        app.database.wait_for_blocked(2);
        app.send(Request::new("GET", "/healthz"));
        session.run("commit;");
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    for (at, answer) in answers.iter().enumerate() {
        if at == 7 {
            assert_eq!(answer.0, 500, "{answer:?}");
        } else {
            assert!(is_active(answer), "{at}: {answer:?}");
        }
    }
    let lookups = app.count("jeton_lookup_tokens_total");
    assert!(lookups > app.count("jeton_lookup_statements_total"), "some lookups shared a query");
}

/// The lookup has read a valid token and has not ended yet when the token is revoked.
#[test]
fn a_lookup_whose_token_is_revoked_meanwhile_is_not_cached() {
    let app = App::with(Kind::Postgres, &PATIENT);
    let first = app.alice();
    // The statement reads the groups last. The view lets it wait there, after it has read the token.
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
    let ways: [(&str, Introspect<'_>); 2] = [("one", &introspect), ("a batch", &batch)];
    for (name, introspect) in ways {
        let key = app.name_token(&first, &json!({"name": name}))["token"].as_str().unwrap().to_owned();
        app.wait_until_synced();
        let mut session = Session::open(&app.database);
        session.run("select pg_advisory_lock(42);");
        thread::scope(|scope| {
            let thread = scope.spawn(|| introspect(&app, &key));
            app.database.wait_for_blocked(1);
            app.database.sql(&format!("update tokens set revoked_at = '2000-01-01' where name = '{name}'"));
            app.wait_until_synced();
            session.run("select pg_advisory_unlock(42);");
            assert!(is_active(&thread.join().unwrap()), "{name}: the lookup began before the revocation");
        });
        assert!(!is_active(&introspect(&app, &key)), "{name}");
    }
}

#[test]
fn the_watch_of_changes_ends_with_its_server_however_small_the_bound() {
    let app = App::with(Kind::Postgres, &[("JETON_REVOCATION_BOUND", "1ms")]);
    let key = app.alice();
    assert!(is_active(&introspect(&app, &key)));
    let database = app.database.clone();
    let listening = "select count(*) from pg_stat_activity where datname = current_database() and query ~ '^listen'";
    eventually("a listener", Duration::from_secs(10), || (database.sql(listening) == "1").then_some(()));
    drop(app);
    eventually("the end of the listener", Duration::from_secs(10), || (database.sql(listening) == "0").then_some(()));
}
