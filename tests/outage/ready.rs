//! `/readyz` beside work on the database: it writes nothing, asks little, and is not shaken by what lasts a moment.

use std::time::{Duration, Instant};

use super::introspection;
use crate::on_both;
use crate::support::app::{App, Kind};
use crate::support::http::Request;
use crate::support::session::Session;
use crate::support::watched::Watched;

on_both! {
    fn a_locked_table_makes_no_node_unready(db) {
        let app = App::with(db, &[("JETON_DATABASE_TIMEOUT", "500ms")]);
        let token = app.admin_token();
        let mut session = Session::open(&app.database);
        session.run(if db == Kind::Postgres {
            "begin; lock table meta, tokens, users, clients, __diesel_schema_migrations in access exclusive mode;"
        } else {
            "begin exclusive;"
        });
        // Three of its own questions.
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
fn many_probes_are_one_question_a_second_and_none_writes() {
    let watched = Watched::start(&[]);
    let since = Instant::now();
    let asked = watched.statements(&["select version from __diesel_schema_migrations"], |app| {
        for _ in 0..200 {
            assert_eq!(app.send(Request::new("GET", "/readyz")).status, 200);
        }
    });
    let most = 1 + since.elapsed().as_secs();
    assert!(!asked.is_empty() && asked.len() as u64 <= most, "{} questions, {most} at most: {asked:?}", asked.len());
    assert!(asked.iter().all(|statement| statement.starts_with("select")), "{asked:?}");
}
