//! While jeton knows that the database is down, a request fails at once and does not wait for it. The time-out here is
//! a minute: if a request waited so long, its test would fail.

use std::sync::Arc;
use std::time::Duration;

use jeton::domain::time::{Clock, Timestamp};

use super::{assert_refused, introspection, timed};
use crate::on_both;
use crate::support::app::{ADMIN, App, Kind, TestDatabase};
use crate::support::http::Request;
use crate::support::postgres::{Cluster, private};
use crate::support::{eventually, postgres};

const LIMIT: Duration = Duration::from_secs(15);

/// A node whose database the test can take away and bring back.
struct Node {
    app: App,
    cluster: Option<Cluster>,
}

impl Node {
    fn new(kind: Kind, settings: &[(&str, &str)]) -> Self {
        let cluster = (kind == Kind::Postgres).then(private);
        let database = cluster.as_ref().map_or_else(|| TestDatabase::new(kind), TestDatabase::of);
        let clock = Clock::fixed(Timestamp::from_micros(1_750_000_000_123_456));
        Self { app: App::on(Arc::new(database), clock, settings), cluster }
    }

    fn file(&self) -> std::path::PathBuf {
        self.app.database.folder.as_ref().unwrap().path().join("jeton.db")
    }

    fn take_away(&self) {
        match &self.cluster {
            Some(cluster) => cluster.stop_fast(),
            None => std::fs::rename(self.file(), self.file().with_extension("aside")).unwrap(),
        }
    }

    fn bring_back(&self) {
        match &self.cluster {
            Some(cluster) => cluster.start(),
            None => std::fs::rename(self.file().with_extension("aside"), self.file()).unwrap(),
        }
    }
}

fn ready(app: &App) -> (u16, serde_json::Value) {
    let answer = app.send(Request::new("GET", "/readyz"));
    (answer.status, answer.json())
}

on_both! {
    fn requests_fail_at_once_and_the_node_notices_when_the_database_is_back(db) {
        let node = Node::new(db, &[("JETON_DATABASE_TIMEOUT", "60s")]);
        let token = node.app.admin_token();
        node.take_away();
        for _ in 0..3 {
            assert_refused(&node.app, &token);
        }
        eventually("a node that is not ready", LIMIT, || (ready(&node.app).0 == 503).then_some(()));
        let (_, body) = ready(&node.app);
        assert_eq!((&body["database"], &body["schema"]), (&"down".into(), &"ok".into()), "{body}");
        node.bring_back();
        eventually("the return", LIMIT, || (ready(&node.app).0 == 200).then_some(()));
        assert_eq!(node.app.admin_token(), token);
    }

    fn stale_answers_come_at_once_and_clients_still_authenticate(db) {
        let settings = [("JETON_DATABASE_TIMEOUT", "60s"), ("JETON_STALE_IF_ERROR", "1h"), ("JETON_REVOCATION_BOUND", "300ms")];
        let node = Node::new(db, &settings);
        let token = node.app.admin_token();
        node.app.wait_until_synced();
        assert_eq!(node.app.send(introspection(&token)).status, 200);
        node.take_away();
        eventually("an `ok` that rests on answers older than the bound", LIMIT, || {
            let (status, body) = ready(&node.app);
            assert_eq!(status, 200, "{body}");
            (body["database"] == "down" && body["proof"] == "stale").then_some(())
        });
        for _ in 0..20 {
            let (answer, took) = timed(&node.app, introspection(&token));
            assert_eq!((answer.status, &answer.json()["active"]), (200, &true.into()), "{answer:?}");
            assert!(took < LIMIT, "{took:?}");
        }
        assert_eq!(node.app.send(introspection(&"0".repeat(40))).status, 503, "a token that is not in the cache");
        node.bring_back();
        eventually("the return", LIMIT, || (ready(&node.app).1["database"] == "ok").then_some(()));
        node.app.login(ADMIN.0, ADMIN.1);
    }
}

/// This role may have only one connection, which waits for a lock of another session. The database refuses the other
/// connections, but it is not down.
#[test]
fn a_database_that_accepts_no_more_connections_is_not_down() {
    let database = TestDatabase::of(postgres::shared());
    let role = format!("single_{}", std::process::id());
    database
        .sql(&format!("create role {role} login connection limit 1; grant create, usage on schema public to {role}"));
    let (url, postgres) = (database.url.replace("jeton@", &format!("{role}@")), database.postgres);
    let database = Arc::new(TestDatabase { url, folder: None, postgres });
    let clock = Clock::fixed(Timestamp::from_micros(1_750_000_000_123_456));
    let app = App::on(Arc::clone(&database), clock, &[("JETON_CACHE_BYTES", "0"), ("JETON_DATABASE_POOL", "4")]);
    let token = app.admin_token();
    let mut session = crate::support::session::Session::open(&database);
    session.run("begin; lock table tokens in access exclusive mode;");
    for _ in 0..3 {
        assert_eq!(app.send(introspection(&token)).status, 503);
        let (status, body) = ready(&app);
        assert_eq!((status, &body["database"]), (200, &"ok".into()), "{body}");
    }
    session.run("commit;");
    eventually("the end of the lock", LIMIT, || (app.send(introspection(&token)).status == 200).then_some(()));
    drop((app, session));
    database.sql(&format!("drop owned by {role}; drop role {role}"));
}
