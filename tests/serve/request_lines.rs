//! Each log line of a request has the `X-Request-Id` of its answer, and exactly the fields that apply.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::LIMIT;
use crate::commands::{PASSWORD, create_client, create_user, jeton, login, migrated, try_login};
use crate::on_both;
use crate::support::app::{CLIENT, Kind, TestDatabase};
use crate::support::http::{Answer, Request};
use crate::support::postgres::{Cluster, private};
use crate::support::process::Serving;
use crate::support::{eventually, wait_until_synced};

/// A database that can be made unavailable.
struct StoppableDatabase {
    database: TestDatabase,
    cluster: Option<Cluster>,
}

impl StoppableDatabase {
    fn new(db: Kind) -> Self {
        match db {
            Kind::Sqlite => Self { database: TestDatabase::new(db), cluster: None },
            Kind::Postgres => {
                let cluster = private();
                Self { database: TestDatabase::of(&cluster), cluster: Some(cluster) }
            }
        }
    }

    fn make_unavailable(&self) {
        if let Some(cluster) = &self.cluster {
            return cluster.stop_fast();
        }
        let path = self.database.url.strip_prefix("sqlite://").unwrap();
        std::fs::rename(path, format!("{path}.away")).unwrap();
    }
}

/// The request id of an answer, which must have this status.
#[track_caller]
fn id_of(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{answer:?}");
    answer.header("X-Request-Id").expect("each answer has a request id")
}

/// Request ids, and the fields that each of their log lines must have, in order.
type Expected = Vec<(String, Vec<Value>)>;

fn request_line(route: &str, method: &str, status: u16, who: &Value) -> Value {
    let mut line = json!({"message": "request", "method": method, "status": status, "address": "127.0.0.1"});
    line["target"] = json!("jeton::http::request_id");
    line[if route.starts_with('?') { "path" } else { "route" }] = json!(route.trim_start_matches('?'));
    for (name, value) in who.as_object().unwrap() {
        line[name] = value.clone();
    }
    line
}

/// Sends one request of each kind, the last ones while the database is unavailable.
fn requests(stoppable: &StoppableDatabase, server: &Serving, client: &(String, String)) -> Expected {
    let send = |request: Request| request.send(server.addr);
    let key = login(server, "amy");
    let amy = json!({"user": "amy"});
    let nobody = json!({});
    let log_line = |message: &str, more: Value| {
        let mut line = json!({"message": message});
        more.as_object().unwrap().iter().for_each(|(name, value)| line[name] = value.clone());
        line
    };
    let mut all = Expected::new();
    all.push((
        id_of(&try_login(server, "amy", PASSWORD), 200),
        vec![request_line("/api-token-auth", "POST", 200, &amy)],
    ));
    all.push((
        id_of(&try_login(server, "amy", "wrong"), 400),
        vec![
            log_line("a login was refused", json!({"address": "127.0.0.1", "user": "amy", "reason": "wrong_password"})),
            request_line("/api-token-auth", "POST", 400, &nobody),
        ],
    ));
    // The name may be a password, so only the address is logged.
    all.push((
        id_of(&try_login(server, PASSWORD, "amy"), 400),
        vec![
            log_line("a login was refused", json!({"address": "127.0.0.1", "reason": "unknown_user"})),
            request_line("/api-token-auth", "POST", 400, &nobody),
        ],
    ));
    all.push((id_of(&send(Request::new("GET", "/me").token(&key)), 200), vec![request_line("/me", "GET", 200, &amy)]));
    all.push((
        id_of(&send(Request::new("GET", "/me").token("no-key")), 401),
        vec![log_line("a token was refused", json!({"reason": "unknown"})), request_line("/me", "GET", 401, &nobody)],
    ));
    all.push((
        id_of(&send(Request::new("GET", "/admin/users/").token(&key)), 403),
        vec![request_line("/admin/users", "GET", 403, &amy)],
    ));
    // A method may be any word, a secret too.
    all.push((
        id_of(&send(Request::new("SECRETWORD", "/me").token(&key)), 405),
        vec![request_line("/me", "[other]", 405, &nobody)],
    ));
    let revoke = |id: &str, secret: &str| Request::new("POST", "/revoke").basic(id, secret).form(&[("token", "x")]);
    all.push((
        id_of(&send(revoke(&client.0, &client.1)), 200),
        vec![request_line("/revoke", "POST", 200, &json!({"client": client.0}))],
    ));
    // The request line of /introspect is logged at `debug` only, a refusal at `info`.
    let introspect =
        |id: &str, secret: &str| Request::new("POST", "/introspect").basic(id, secret).form(&[("token", &key)]);
    for (id, shown) in [
        (client.0.as_str(), client.0.as_str()),
        (client.1.as_str(), "[hidden]"),
        ("a\nb \u{202e}", "a\nb \u{202e}"),
        (CLIENT.1, "[hidden]"),
        ("a-client-that-is-known-by-a-long-name", "[hidden]"),
    ] {
        all.push((
            id_of(&send(introspect(id, "wrong")), 401),
            vec![log_line("a client was refused", json!({"address": "127.0.0.1", "client": shown}))],
        ));
    }
    for (path, shown) in [
        ("/wp-login.php?password=secret".to_owned(), "?/wp-login.php".to_owned()),
        (format!("/nowhere/{key}/x"), "?/nowhere/[hidden]/x".to_owned()),
        (format!("/{}", "a-".repeat(500)), format!("?/{}a..", "a-".repeat(49))),
    ] {
        all.push((id_of(&send(Request::new("GET", &path)), 404), vec![request_line(&shown, "GET", 404, &nobody)]));
    }
    let own_id = "the-callers.own_id-1";
    let answer = send(Request::new("GET", "/me/").token(&key).header("X-Request-Id", own_id));
    assert_eq!(id_of(&answer, 200), own_id);
    all.push((own_id.to_owned(), vec![request_line("/me", "GET", 200, &amy)]));
    stoppable.database.sql("alter table groups rename to groups_away");
    let answer = send(Request::new("GET", "/me").token(&key).header("X-Request-Id", "in-disorder"));
    all.push((
        id_of(&answer, 500),
        vec![
            log_line("the database refused a statement: ", json!({"level": "ERROR"})),
            request_line("/me", "GET", 500, &nobody),
        ],
    ));
    stoppable.make_unavailable();
    // An outage is logged once. During it the cause of each refusal is logged at `debug`.
    let cause = || log_line("the database is not available: ", json!({}));
    all.push((
        id_of(&send(Request::new("GET", "/me").token(&key)), 503),
        vec![cause(), request_line("/me", "GET", 503, &nobody)],
    ));
    all.push((
        id_of(
            &send(Request::new("POST", "/api-token-auth/").json(&json!({"username": "amy", "password": PASSWORD}))),
            503,
        ),
        vec![cause(), request_line("/api-token-auth", "POST", 503, &nobody)],
    ));
    all.push((id_of(&send(introspect(&client.0, &client.1)), 503), vec![cause()]));
    all.push((
        id_of(&send(Request::new("GET", "/readyz")), 503),
        vec![log_line("not ready: The database does not answer.", json!({"level": "WARN"}))],
    ));
    all
}

/// Parses a log line into its fields.
fn parse_line(line: &str, format: &str) -> Value {
    if format == "json" {
        return serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    let mut words = line.splitn(3, ' ');
    let (_, level) = (words.next().unwrap(), words.next().unwrap());
    let rest = words.next().unwrap().trim_start();
    let (target, mut rest) = rest.split_once(": ").unwrap_or_else(|| panic!("no target: {line}"));
    let mut fields = json!({"level": level, "target": target});
    // Fields are parsed from the end of the line. They are `name=value`, and a value with blanks is JSON.
    let mut found = Vec::new();
    loop {
        let start = rest.rmatch_indices(' ').map(|(at, _)| at).find(|at| {
            let word = &rest[at + 1..];
            word.split_once('=').is_some_and(|(name, value)| {
                let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
                let whole = serde_json::from_str::<Value>(value).is_ok();
                is_name && (whole || !value.contains([' ', '"']))
            })
        });
        let Some(at) = start else { break };
        let (name, value) = rest[at + 1..].split_once('=').unwrap();
        let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        found.push((name.to_owned(), value));
        rest = &rest[..at];
    }
    fields["message"] = json!(rest);
    for (name, value) in found.into_iter().rev() {
        fields[&name] = value;
    }
    fields
}

/// Whether a line has all these fields. Its message may be longer.
fn has_fields(line: &Value, wanted: &Value) -> bool {
    wanted.as_object().unwrap().iter().all(|(name, value)| match (name.as_str(), value.as_str()) {
        ("message", Some(sentence)) => line["message"].as_str().is_some_and(|message| message.starts_with(sentence)),
        _ => line.get(name) == Some(value),
    })
}

/// Whether a line has no field about the caller or the route beyond the wanted ones.
fn has_no_other_caller_fields(line: &Value, wanted: &Value) -> bool {
    ["user", "client", "address", "route", "path", "reason"]
        .iter()
        .all(|name| line.get(name).is_some() == wanted.get(name).is_some())
}

on_both! {
    fn every_line_of_a_request_has_the_answers_id(db) {
        for format in ["json", "text"] {
            let stoppable = StoppableDatabase::new(db);
            // Without the cache, each introspection queries the database.
            let jeton = migrated(&stoppable.database)
                .env("JETON_LOG_FORMAT", format)
                .env("JETON_CACHE_BYTES", "0")
                .env("JETON_LOG", "info,jeton::http::error=debug")
                .env("JETON_DATABASE_TIMEOUT", "1s");
            create_user(&jeton, "amy", &[]);
            let client = create_client(&jeton, "reports");
            create_client(&jeton, "a-client-that-is-known-by-a-long-name");
            let server = jeton.serve();
            let expected = requests(&stoppable, &server, &client);
            let count: usize = expected.iter().map(|(_, lines)| lines.len()).sum();
            let log = eventually("the last line", LIMIT, || {
                let log = server.stderr();
                let ids = expected.iter().map(|(id, _)| log.matches(id.as_str()).count()).sum::<usize>();
                (ids >= count && log.ends_with('\n')).then_some(log)
            });
            assert!(!log.contains('\u{fffd}') && !log.contains('\u{202e}') && !log.contains("Some("), "{log}");
            let mut lines = BTreeMap::<String, Vec<Value>>::new();
            for line in log.lines() {
                let line = parse_line(line, format);
                lines.entry(line["request_id"].as_str().unwrap_or_default().to_owned()).or_default().push(line);
            }
            for (id, wanted) in &expected {
                let found = lines.get(id).unwrap_or_else(|| panic!("{id} is not in {log}"));
                assert_eq!(found.len(), wanted.len(), "{wanted:?}: {found:?}");
                for (found, wanted) in found.iter().zip(wanted) {
                    assert!(has_fields(found, wanted), "{wanted} is not in {found}");
                    // The line with the cause does not name the caller.
                    assert!(has_no_other_caller_fields(found, wanted), "{found} has more fields than {wanted}");
                    assert_eq!(found["micros"].is_u64(), found["message"] == "request", "{found}");
                }
            }
            for line in &lines[""] {
                let target = line["target"].as_str().unwrap();
                assert!(!target.starts_with("jeton::http"), "a line of a request without its id: {line}");
                assert!(!target.starts_with("actix"), "the filter excludes it: {line}");
            }
        }
    }

    fn the_fast_lane_logs_the_cause_of_a_503_too(db) {
        let stoppable = StoppableDatabase::new(db);
        let jeton = migrated(&stoppable.database).env("JETON_REVOCATION_BOUND", "1m").env("JETON_DATABASE_TIMEOUT", "1s");
        let jeton = jeton.env("JETON_LOG", "info,jeton::http::error=debug");
        create_user(&jeton, "amy", &[]);
        let client = create_client(&jeton, "reports");
        let server = jeton.serve();
        let introspect = |token: &str| {
            Request::new("POST", "/introspect").basic(&client.0, &client.1).form(&[("token", token)]).send(server.addr)
        };
        let key = login(&server, "amy");
        // The client's credentials are now cached, and stay valid for the bound of a minute.
        wait_until_synced(server.addr);
        assert_eq!(introspect(&key).json()["active"], true);
        stoppable.make_unavailable();
        assert_eq!(introspect(&key).json()["active"], true);
        let id = id_of(&introspect("0000000000000000000000000000000000000000"), 503);
        eventually("the cause", LIMIT, || {
            let log = server.stderr();
            let mut lines = log.lines().filter(|line| line.contains(&format!("request_id={id}")));
            let cause = lines.next()?;
            assert!(cause.contains(" jeton::http::error: the database is not available: "), "{cause}");
            assert_eq!(lines.next(), None, "the cause is logged once");
            Some(())
        });
    }

    fn an_error_of_the_database_is_logged_as_one_line(db) {
        let url = match db {
            Kind::Sqlite => "sqlite:///proc/no-such-folder/x.db".to_owned(),
            Kind::Postgres => "postgres://nobody@127.0.0.1:1/none".to_owned(),
        };
        let database = TestDatabase { url, folder: None, postgres: None };
        let jeton = jeton(&database).env("JETON_LOG", "debug").env("JETON_DATABASE_TIMEOUT", "500ms");
        for command in [&["user", "list"][..], &["migrate"]] {
            let output = jeton.run(command);
            assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output:?}");
            assert!(output.stderr.lines().all(|line| line.starts_with("20") || line.starts_with("error: ")), "{output:?}");
            assert_eq!(output.stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{output:?}");
            assert!(!output.stderr.contains(['\u{fffd}', '\t']), "{output:?}");
            if db == Kind::Postgres {
                assert!(output.stderr.contains("Connection refused; Is the server running"), "{output:?}");
            }
            let quiet = jeton.run(&[command, &["--log", "info"]].concat());
            assert_eq!(quiet.stderr.lines().count(), 1, "the failure, once: {quiet:?}");
        }
    }
}

#[test]
fn lines_of_actix_server_are_written_only_if_the_filter_names_them() {
    for (filter, expected) in [("info", false), ("warn,jeton::cli=info", false), ("info,actix_server=info", true)] {
        let server = super::bare().env("JETON_LOG", filter).serve();
        server.signal("TERM");
        server.wait(Duration::from_secs(20));
        assert_eq!(server.stderr().contains("actix_server"), expected, "{filter}: {}", server.stderr());
    }
}
