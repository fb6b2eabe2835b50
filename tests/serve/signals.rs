//! Signals: a second stop signal ends the server at once, a stop begins with a drain, other signals do not end it.

use std::process::Stdio;
use std::time::Duration;

use super::LIMIT;
use super::stop::{connect, half_a_login};
use crate::commands::{create_user, jeton, login, migrated};
use crate::on_both;
use crate::support::app::{Kind, TestDatabase};
use crate::support::http::Request;
use crate::support::postgres::private;
use crate::support::process::{Process, Serving};
use crate::support::session::Session;
use crate::support::{eventually, within};

/// Far below the timeouts of a request body and of open requests.
const AT_ONCE: Duration = Duration::from_secs(5);

fn is_ready(server: &Serving) -> bool {
    Request::new("GET", "/readyz").send(server.addr).status == 200
}

fn wait_until_stopping(process: &Process) {
    eventually("the line about the stop", LIMIT, || process.stderr().contains(" stopping").then_some(()));
}

on_both! {
    fn a_second_signal_ends_the_server_despite_open_requests(db) {
        let database = TestDatabase::new(db);
        let jeton = jeton(&database);
        for (signals, status) in [(["TERM", "TERM"], 143), (["INT", "TERM"], 143), (["TERM", "INT"], 130)] {
            let server = jeton.serve();
            let mut stream = connect(server.addr);
            let rest = half_a_login(&server, &mut stream);
            server.signal(signals[0]);
            wait_until_stopping(&server);
            assert!(within(Duration::from_millis(200), || server.try_wait()).is_none(), "the server waits for the body");
            server.signal(signals[1]);
            assert_eq!(server.wait(AT_ONCE).code(), Some(status), "{signals:?}");
            assert!(server.stderr().contains("a second stop signal"), "{}", server.stderr());
            assert!(!rest.is_empty());
        }
    }

    fn other_signals_do_not_end_the_server(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        let server = jeton.serve();
        let key = login(&server, "amy");
        for signal in ["HUP", "USR1", "USR2", "PIPE", "QUIT", "ALRM", "VTALRM", "PROF", "XCPU", "XFSZ", "WINCH", "PWR", "16", "40"] {
            server.signal(signal);
            assert_eq!(login(&server, "amy"), key, "{signal}");
        }
        assert!(is_ready(&server));
        server.signal("TERM");
        assert_eq!(server.wait(LIMIT).code(), Some(0));
    }

    fn a_draining_server_is_not_ready_and_still_serves(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        let jeton = jeton.env("JETON_DRAIN", "1h");
        let server = jeton.serve();
        let key = login(&server, "amy");
        assert!(is_ready(&server));
        server.signal("TERM");
        eventually("503 of /readyz", LIMIT, || (!is_ready(&server)).then_some(()));
        assert_eq!(login(&server, "amy"), key, "the server still answers");
        assert_eq!(Request::new("GET", "/healthz").send(server.addr).status, 200, "the server is alive");
        server.signal("TERM");
        assert_eq!(server.wait(AT_ONCE).code(), Some(143), "a drain can be cut short");
    }

    fn a_server_exits_after_its_drain(db) {
        let database = TestDatabase::new(db);
        let server = jeton(&database).env("JETON_DRAIN", "300ms").serve();
        server.signal("INT");
        assert_eq!(server.wait(LIMIT).code(), Some(0));
        assert!(server.stderr().trim_end().ends_with("stopped"), "{}", server.stderr());
    }
}

/// A start may have to wait for a lock that another session holds.
#[test]
fn the_first_signal_ends_a_start_that_waits_for_a_lock() {
    for signal in ["TERM", "INT"] {
        let database = TestDatabase::new(Kind::Postgres);
        let jeton = migrated(&database).env("JETON_LISTEN", "127.0.0.1:0");
        let mut session = Session::open(&database);
        session.run("begin; lock table meta, users in access exclusive mode;");
        let starting = jeton.spawn(&["serve"], Stdio::null());
        database.wait_for_blocked(1);
        starting.signal(signal);
        assert_eq!(starting.wait(AT_ONCE).code(), Some(0), "{signal}");
    }
}

#[test]
fn a_frozen_database_does_not_delay_the_exit_for_ever() {
    let cluster = private();
    let database = TestDatabase::of(&cluster);
    let jeton = migrated(&database);
    create_user(&jeton, "amy", &[]);
    let server = jeton.serve();
    let key = login(&server, "amy");
    cluster.freeze();
    // After this request there is token usage to write at shutdown.
    Request::new("GET", "/me").token(&key).send(server.addr);
    server.signal("TERM");
    assert_eq!(server.wait(Duration::from_secs(30)).code(), Some(0));
    cluster.thaw();
}
