//! `/readyz` while the database is in use: it writes nothing, sends few queries, and does not change for a short lock.

use std::time::{Duration, Instant};

use super::introspection;
use crate::on_both;
use crate::support::app::{App, Kind};
use crate::support::http::Request;
use crate::support::session::Session;
use crate::support::watched::Watched;

on_both! {
    fn a_node_stays_ready_while_tables_are_locked(db) {
        let app = App::with(db, &[("JETON_DATABASE_TIMEOUT", "500ms")]);
        let token = app.admin_token();
        let mut session = Session::open(&app.database);
        session.run(if db == Kind::Postgres {
            "begin; lock table meta, tokens, users, clients, __diesel_schema_migrations in access exclusive mode;"
        } else {
            "begin exclusive;"
        });
        // Time for three of the queries that `/readyz` answers from.
        let since = Instant::now();
        while since.elapsed() < Duration::from_millis(3_500) {
            app.send(introspection(&token));
            let answer = app.send(Request::new("GET", "/readyz"));
            assert_eq!((answer.status, &answer.json()["database"]), (200, &"ok".into()), "{answer:?}");
        }
        session.run("commit;");
    }
}

#[test]
fn many_probes_cause_one_query_a_second_and_no_write() {
    let watched = Watched::start(&[]);
    let since = Instant::now();
    let queries = watched.statements(&["select version from __diesel_schema_migrations"], |app| {
        for _ in 0..200 {
            assert_eq!(app.send(Request::new("GET", "/readyz")).status, 200);
        }
    });
    let most = 1 + since.elapsed().as_secs();
    assert!(
        !queries.is_empty() && queries.len() as u64 <= most,
        "{} queries, {most} at most: {queries:?}",
        queries.len()
    );
    assert!(queries.iter().all(|statement| statement.starts_with("select")), "{queries:?}");
}
