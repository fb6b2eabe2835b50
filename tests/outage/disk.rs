//! The database's disk is full: writes get 503, introspection works, and the log has one line about it a minute.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::RECOVERY;
use crate::commands::{PASSWORD, create_client, create_user, introspect, login, migrated, try_login};
use crate::on_both;
use crate::support::app::{ADMIN, App, CLIENT, Kind, TestDatabase};
use crate::support::eventually;
use crate::support::http::{Answer, Request};
use crate::support::process::Serving;

/// The tables to which the requests and the background work of these tests write.
const TABLES: [&str; 8] =
    ["users", "tokens", "clients", "audit_log", "meta", "sessions", "login_networks", "password_links"];

/// Makes each write fail with the database's error for a full disk.
fn fill_disk(database: &TestDatabase) {
    if database.postgres.is_some() {
        database.sql(
            "create function no_room() returns trigger language plpgsql as $$ begin raise exception using \
             errcode = '53100', message = 'could not extend file \"base/5/16384\": No space left on device', \
             hint = 'Check free disk space.'; end $$",
        );
    }
    for table in TABLES {
        for event in ["insert", "update", "delete"] {
            let action = if database.postgres.is_some() {
                "execute function no_room()"
            } else {
                "begin select raise(abort, 'database or disk is full'); end"
            };
            database
                .sql(&format!("create trigger full_{table}_{event} before {event} on {table} for each row {action}"));
        }
    }
}

fn free_space(database: &TestDatabase) {
    for table in TABLES {
        for event in ["insert", "update", "delete"] {
            let on = if database.postgres.is_some() { format!(" on {table}") } else { String::new() };
            database.sql(&format!("drop trigger full_{table}_{event}{on}"));
        }
    }
}

#[track_caller]
fn assert_unavailable(what: &str, answer: &Answer) {
    assert_eq!((answer.status, answer.header("Retry-After").as_deref()), (503, Some("1")), "{what}: {answer:?}");
}

/// The part of `/readyz` that is about the disk.
fn disk(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "it can answer introspection: {answer:?}");
    answer.json()["disk"].clone()
}

on_both! {
    fn with_a_full_disk_writes_get_503_and_introspection_works(db) {
        let app = App::start(db);
        let token = app.admin_token();
        let alice = json!({"username": "alice", "password": PASSWORD});
        assert_eq!(disk(&app.send(Request::new("GET", "/readyz"))), Value::Null);
        fill_disk(&app.database);
        let client = || Request::new("POST", "/revoke").basic(CLIENT.0, CLIENT.1);
        for (what, request) in [
            ("login", Request::new("POST", "/api-token-auth/").json(&json!({"username": ADMIN.0, "password": ADMIN.1}))),
            ("refused login", Request::new("POST", "/api-token-auth/").json(&alice)),
            ("revoke", client().form(&[("token", token.as_str())])),
            ("logout", Request::new("POST", "/logout/").token(&token)),
            ("new user", Request::new("POST", "/admin/users/").token(&token).json(&alice)),
            ("regenerate", Request::new("POST", "/admin/users/admin/regenerate").token(&token)),
            ("new client", Request::new("POST", "/admin/clients/").token(&token).json(&json!({"client_id": "x"}))),
        ] {
            assert_unavailable(what, &app.send(request));
            assert_eq!(disk(&app.send(Request::new("GET", "/readyz"))), "full", "{what}");
        }
        assert_eq!(app.introspect(&token)["active"], true);
        assert_eq!(app.send(Request::new("GET", "/me").token(&token)).status, 200);
        assert_eq!(app.send(Request::new("GET", "/auth/verify").token(&token)).status, 200);

        free_space(&app.database);
        eventually("`/readyz` without `disk`", Duration::from_secs(20), || {
            (disk(&app.send(Request::new("GET", "/readyz"))) == Value::Null).then_some(())
        });
        assert_eq!(app.admin_token(), token, "no write was half done");
        assert_eq!(app.send(client().form(&[("token", token.as_str())])).status, 200);
        assert_eq!(app.introspect(&token)["active"], false);
    }

    fn a_full_disk_is_logged_once_a_minute(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        let client = create_client(&jeton, "billing");
        let server = jeton.serve();
        let token = login(&server, "amy");
        fill_disk(&database);
        // The node has to write the token's use, and tries again each second.
        introspect(&server, &client, &token);
        for _ in 0..10 {
            assert_unavailable("login", &try_login(&server, "amy", PASSWORD));
        }
        let logged = || server.stderr().lines().filter(|line| line.contains("full") || line.contains("No space")).count();
        assert_eq!(logged(), 1, "{server:?}");
        free_space(&database);
        eventually("the line that says that there is space", Duration::from_secs(20), || {
            server.stderr().contains("the database's disk takes writes again").then_some(())
        });
        assert_eq!(logged(), 1, "{server:?}");
        assert!(!server.stderr().contains("ERROR"), "{server:?}");
    }
}

/// Limits the size of the files that the server may write.
fn limit_files(server: &Serving, bytes: &str) {
    let status =
        Command::new("prlimit").args([&format!("--fsize={bytes}:"), "--pid", &server.pid().to_string()]).status();
    assert!(status.unwrap().success());
}

#[test]
fn a_wal_file_that_cannot_grow_counts_as_a_full_disk() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    create_user(&jeton, "amy", &[]);
    let client = create_client(&jeton, "billing");
    let server = jeton.serve_past_limits();
    let token = login(&server, "amy");
    limit_files(&server, "4096");
    for user in ["amy", "nobody"] {
        assert_unavailable("login", &try_login(&server, user, PASSWORD));
    }
    let revoke = || {
        let request = Request::new("POST", "/revoke").basic(&client.0, &client.1).form(&[("token", token.as_str())]);
        request.send(server.addr)
    };
    assert_unavailable("revoke", &revoke());
    assert_eq!(disk(&Request::new("GET", "/readyz").send(server.addr)), "full");
    assert_eq!(introspect(&server, &client, &token)["active"], true);

    limit_files(&server, "unlimited");
    eventually("a login", RECOVERY, || (try_login(&server, "amy", PASSWORD).status == 200).then_some(()));
    assert_eq!(revoke().status, 200);
    assert_eq!(introspect(&server, &client, &token)["active"], false);
    assert_eq!(disk(&Request::new("GET", "/readyz").send(server.addr)), Value::Null);
    assert_eq!(database.sql("pragma integrity_check"), "ok");
}
