//! PostgreSQL is stopped or frozen, and comes back.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use jeton::domain::time::{Clock, Stopwatch, Timestamp};
use serde_json::json;

use super::{assert_database_down, assert_recovers, introspection, timed};
use crate::support::app::{App, SECRET_KEY, TestDatabase};
use crate::support::calls::PASSWORD;
use crate::support::http::Request;
use crate::support::postgres::{Cluster, private};
use crate::support::process::Jeton;
use crate::support::session::Session;

/// A jeton with its own PostgreSQL cluster.
struct OwnCluster {
    app: App,
    cluster: Cluster,
}

impl OwnCluster {
    fn new(settings: &[(&str, &str)]) -> Self {
        let cluster = private();
        let database = Arc::new(TestDatabase::of(&cluster));
        let clock = Clock::fixed(Timestamp::from_micros(1_750_000_000_123_456));
        Self { app: App::on(database, clock, settings), cluster }
    }
}

#[test]
fn a_stopped_server_is_answered_with_503_until_it_is_back() {
    let OwnCluster { app, cluster } = OwnCluster::new(&[]);
    let token = app.admin_token();
    cluster.stop_fast();
    assert_database_down(&app, &token);
    assert_database_down(&app, &token);
    cluster.start();
    assert_recovers(&app, &token);
}

#[test]
fn a_frozen_server_is_answered_with_503_until_it_is_back() {
    let OwnCluster { app, cluster } = OwnCluster::new(&[]);
    let token = app.admin_token();
    cluster.freeze();
    assert_database_down(&app, &token);
    assert_database_down(&app, &token);
    cluster.thaw();
    assert_recovers(&app, &token);
}

#[test]
fn a_server_that_was_frozen_and_then_replaced_is_found_again() {
    let OwnCluster { app, cluster } = OwnCluster::new(&[]);
    let token = app.admin_token();
    cluster.freeze();
    assert_database_down(&app, &token);
    cluster.thaw();
    cluster.restart();
    assert_recovers(&app, &token);
}

#[test]
fn a_hundred_requests_to_a_frozen_server_leave_room_for_healthz() {
    let OwnCluster { app, cluster } = OwnCluster::new(&[]);
    let token = app.admin_token();
    cluster.freeze();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..100).map(|_| scope.spawn(|| timed(&app, introspection(&token)))).collect();
        let mut rounds = 0;
        while threads.iter().any(|thread| !thread.is_finished()) {
            let (answer, took) = timed(&app, Request::new("GET", "/healthz"));
            assert_eq!(answer.status, 200);
            assert!(took < Duration::from_secs(1), "healthz took {took:?}");
            rounds += 1;
        }
        assert!(rounds > 5, "healthz was called while the others waited");
        for thread in threads {
            let (answer, took) = thread.join().unwrap();
            assert_eq!(answer.status, 503);
            assert!(took < Duration::from_secs(4), "took {took:?}");
        }
    });
    cluster.thaw();
    assert_recovers(&app, &token);
}

#[test]
fn a_login_that_got_503_because_of_a_lock_is_not_done_later() {
    let OwnCluster { app, cluster: _cluster } =
        OwnCluster::new(&[("JETON_TOKEN_MODE", "multiple"), ("JETON_DATABASE_POOL", "1")]);
    app.create_user("alice", PASSWORD, &json!({}));
    let before = app.database.sql("select count(*) from tokens");
    let mut session = Session::open(&app.database);
    session.run("begin; lock table tokens in exclusive mode;");
    // The first login waits for the lock with the only connection; the others wait for the connection.
    let answers = thread::scope(|scope| {
        let login = || app.try_login("alice", PASSWORD).status;
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(login)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(answers, [503; 6]);
    session.run("commit;");
    app.login("alice", PASSWORD);
    let after = app.database.sql("select count(*) from tokens");
    assert_eq!(after.parse::<u32>().unwrap(), before.parse::<u32>().unwrap() + 1);
}

#[test]
fn killed_connections_are_replaced_without_a_failed_request() {
    // The cache is off, so that each request needs a connection.
    let OwnCluster { app, cluster: _cluster } = OwnCluster::new(&[("JETON_CACHE_BYTES", "0")]);
    let token = app.admin_token();
    let assert_all_succeed = || {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..20).map(|_| scope.spawn(|| app.send(introspection(&token)))).collect();
            for thread in threads {
                let answer = thread.join().unwrap();
                assert_eq!(answer.status, 200, "{answer:?}");
            }
        });
    };
    assert_all_succeed();
    for _ in 0..3 {
        let killed = app.database.sql(
            "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity \
             where application_name = 'jeton' and datname = current_database()",
        );
        assert_ne!(killed, "0");
        assert_all_succeed();
    }
}

#[test]
fn a_locked_user_row_does_not_delay_other_users() {
    let OwnCluster { app, cluster: _cluster } = OwnCluster::new(&[("JETON_TOKEN_MODE", "multiple")]);
    app.create_user("alice", PASSWORD, &json!({}));
    let mut session = Session::open(&app.database);
    session.run("begin; update users set last_name = 'held' where username = 'alice';");
    let start = Stopwatch::start();
    let answer = app.try_login("alice", PASSWORD);
    assert_eq!((answer.status, answer.header("Retry-After").as_deref()), (503, Some("1")), "{answer:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
    app.admin_token();
    session.run("commit;");
    app.login("alice", PASSWORD);
}

#[test]
fn without_a_database_server_jeton_does_not_start_and_prints_the_reason() {
    let cluster = private();
    let database = TestDatabase::of(&cluster);
    let url = database.url.replace("jeton@", "jeton:hunter22hunter@");
    let jeton = Jeton::new().env("DATABASE_URL", url).env("JETON_SECRET_KEY", SECRET_KEY);
    cluster.freeze();
    let frozen = jeton.run(&["serve"]);
    cluster.thaw();
    cluster.stop_fast();
    for (what, output) in [("frozen", frozen), ("stopped", jeton.run(&["serve"])), ("plain", jeton.run(&[]))] {
        assert_eq!(output.status, 1, "{what}: {output:?}");
        assert!(output.stderr.contains("error: the database is not available"), "{what}: {}", output.stderr);
        assert!(!output.stderr.contains("hunter22hunter") && !output.stderr.contains("panicked"), "{}", output.stderr);
        assert_eq!(output.stdout, "");
    }
    cluster.start();
    let serving = jeton.serve();
    assert_eq!(Request::new("GET", "/readyz").send(serving.addr).status, 200);
}
