//! The log: one line a record, for people or as JSON, and nothing secret in it.

use std::process::Command;

use jeton::logging::LogFormat;
use serde_json::{Value, json};

use super::{LIMIT, bare};
use crate::commands::{create_user, login, migrated, try_login};
use crate::on_both;
use crate::support::app::TestDatabase;
use crate::support::http::Request;
use crate::support::process::Serving;

const ID: &str = "the-tests-own-id.1";

fn send_request(server: &Serving) {
    let answer = Request::new("GET", "/me/").header("X-Request-Id", ID).send(server.addr);
    assert_eq!((answer.status, answer.header("X-Request-Id").as_deref()), (401, Some(ID)));
}

/// Stops the server, and returns everything that it wrote to standard error.
fn log_of(server: Serving) -> String {
    server.signal("TERM");
    server.wait(LIMIT);
    server.stderr()
}

#[test]
fn the_json_format_is_one_object_per_line_with_the_requests_fields() {
    let server = bare().env("JETON_LOG_FORMAT", "json").env("JETON_LOG", "debug").serve();
    send_request(&server);
    Request::new("GET", "/nowhere/at\"all").send(server.addr);
    let log = log_of(server);
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(lines.iter().all(|line| ["time", "level", "target", "message"].iter().all(|name| line[name].is_string())));
    let request = lines.iter().find(|line| line["request_id"] == ID).expect("the request's line");
    assert_eq!((&request["method"], &request["status"]), (&json!("GET"), &json!(401)));
    assert_eq!(request["route"].as_str().map(|route| route.trim_end_matches('/')), Some("/me"));
    assert!(request["micros"].as_u64().is_some_and(|micros| micros < 10_000_000), "{request}");
    assert!(lines.iter().any(|line| line["status"] == 404 && line["request_id"].is_string()), "{log}");
}

#[test]
fn the_text_format_is_one_line_per_record_with_the_same_fields() {
    let server = bare().serve();
    send_request(&server);
    let log = log_of(server);
    let line = log.lines().find(|line| line.contains(ID)).expect("the request's line");
    for fact in [" INFO ", " method=GET", " route=/me", " status=401", &format!(" request_id={ID}")] {
        assert!(line.contains(fact), "{fact}: {line}");
    }
}

#[test]
fn the_filter_decides_what_is_written() {
    let jeton = bare().env("JETON_LOG", "warn,jeton::cli=info");
    let server = jeton.serve();
    send_request(&server);
    let log = log_of(server);
    assert!(log.contains(" listening on ") && !log.contains(ID) && !log.contains("actix_server"), "{log}");
}

#[test]
fn frequent_requests_are_logged_at_debug_only() {
    let often = [
        ("POST", "/introspect"),
        ("POST", "/introspect/batch"),
        ("GET", "/auth/verify"),
        ("PUT", "/auth/verify/a/b"),
        ("GET", "/healthz"),
        ("GET", "/readyz/"),
        ("GET", "/metrics"),
    ];
    for (filter, lines) in [("info", 1), ("debug", 1 + often.len())] {
        let jeton = bare().env("JETON_LOG", filter);
        let server = jeton.serve();
        send_request(&server);
        for (method, path) in often {
            Request::new(method, path).send(server.addr);
        }
        let log = log_of(server);
        assert_eq!(log.lines().filter(|line| line.contains("request_id=")).count(), lines, "{log}");
    }
}

/// The panic ends its process, so the test runs itself once more, as a child process.
#[test]
fn a_panic_is_one_line_with_the_request_that_it_came_from() {
    const CHILD: &str = "JETON_TEST_PANICS_IN";
    if let Ok(format) = std::env::var(CHILD) {
        let format = if format == "json" { LogFormat::Json } else { LogFormat::Text };
        jeton::logging::start("info", format);
        jeton::logging::RequestContext::new(ID).run(|| panic!("on purpose,\nin two lines"));
    }
    for format in ["json", "text"] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "--nocapture", "serve::logs::a_panic_is_one_line_with_the_request_that_it_came_from"]);
        let output = child.env(CHILD, format).env("RUST_BACKTRACE", "0").output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = log.lines().find(|line| line.contains("on purpose")).expect(&log);
        if format == "json" {
            let line: Value = serde_json::from_str(line).expect(line);
            assert_eq!((&line["level"], &line["request_id"]), (&json!("ERROR"), &json!(ID)));
            assert_eq!(line["message"], "a panic: on purpose, in two lines");
            assert!(line["place"].as_str().is_some_and(|place| place.contains("logs.rs:")), "{line}");
        } else {
            assert!(line.contains("a panic: on purpose, in two lines request_id=the-tests-own-id.1 thread="), "{line}");
        }
    }
}

on_both! {
    fn no_secret_is_in_the_log_even_at_trace(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database).env("JETON_LOG", "trace");
        create_user(&jeton, "amy", &[]);
        let server = jeton.serve();
        let key = login(&server, "amy");
        try_login(&server, "amy", "a wrong secret");
        Request::new("GET", "/me").token(&key).send(server.addr);
        Request::new("POST", "/introspect").basic("billing", "a client's secret").form(&[("token", &key)]).send(server.addr);
        let log = log_of(server);
        assert!(log.len() > 1000, "{log}");
        for secret in [key.as_str(), "quiet harbour", "quiet+harbour", "a wrong secret", "client's secret", "argon2id$", "0001020304"] {
            assert!(!log.contains(secret), "{secret}: {}", log.lines().find(|line| line.contains(secret)).unwrap());
        }
    }
}
