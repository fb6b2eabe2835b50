//! A database that is known to be down: nobody waits for it. The time-out here is a minute, and who waited for it would
//! not have an answer before the test gives up.

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

/// A jeton whose database can be taken away and given back.
struct Taken {
    app: App,
    cluster: Option<Cluster>,
}

impl Taken {
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

    fn give_back(&self) {
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
    fn everybody_is_refused_at_once_and_one_finds_out_when_it_is_back(db) {
        let taken = Taken::new(db, &[("JETON_DATABASE_TIMEOUT", "60s")]);
        let token = taken.app.admin_token();
        taken.take_away();
        for _ in 0..3 {
            assert_refused(&taken.app, &token);
        }
        eventually("a node that is not ready", LIMIT, || (ready(&taken.app).0 == 503).then_some(()));
        let (_, body) = ready(&taken.app);
        assert_eq!((&body["database"], &body["schema"]), (&"down".into(), &"ok".into()), "{body}");
        taken.give_back();
        eventually("the return", LIMIT, || (ready(&taken.app).0 == 200).then_some(()));
        assert_eq!(taken.app.admin_token(), token);
    }

    fn stale_answers_come_at_once_with_their_clients(db) {
        let settings = [("JETON_DATABASE_TIMEOUT", "60s"), ("JETON_STALE_IF_ERROR", "1h"), ("JETON_REVOCATION_BOUND", "300ms")];
        let taken = Taken::new(db, &settings);
        let token = taken.app.admin_token();
        taken.app.wait_until_synced();
        assert_eq!(taken.app.send(introspection(&token)).status, 200);
        taken.take_away();
        eventually("answers past the bound", LIMIT, || {
            let (status, body) = ready(&taken.app);
            assert_eq!(status, 200, "{body}");
            (body["database"] == "down" && body["proof"] == "stale").then_some(())
        });
        for _ in 0..20 {
            let (answer, took) = timed(&taken.app, introspection(&token));
            assert_eq!((answer.status, &answer.json()["active"]), (200, &true.into()), "{answer:?}");
            assert!(took < LIMIT, "{took:?}");
        }
        assert_eq!(taken.app.send(introspection(&"0".repeat(40))).status, 503, "what was never asked for is nowhere");
        taken.give_back();
        eventually("the return", LIMIT, || (ready(&taken.app).1["database"] == "ok").then_some(()));
        taken.app.login(ADMIN.0, ADMIN.1);
    }
}

/// One connection is all that this role may have, and somebody's lock keeps it busy: others wait, but nothing is down.
#[test]
fn a_server_that_takes_no_more_connections_is_not_down() {
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
