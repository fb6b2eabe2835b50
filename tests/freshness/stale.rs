//! `JETON_STALE_IF_ERROR`.

use std::time::Duration;

use super::Nodes;
use super::poolers::Pooler;
use crate::support::app::{App, CLIENT, SECRET_KEY};
use crate::support::http::Request;
use crate::support::process::Jeton;
use crate::support::watched::Watched;
use crate::support::{eventually, wait_until_synced};

fn ask(app: &App, key: &str) -> u16 {
    Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1).form(&[("token", key)]).send(app.addr).status
}

#[test]
fn past_the_bound_the_cache_answers_as_long_as_it_may_while_the_database_is_down() {
    for (stale, answers) in [("0s", false), ("1h", true)] {
        let watched = Watched::start(&[
            ("JETON_REVOCATION_BOUND", "200ms"),
            ("JETON_STALE_IF_ERROR", stale),
            ("JETON_DATABASE_TIMEOUT", "300ms"),
        ]);
        let key = watched.app.alice();
        watched.app.wait_until_synced();
        assert_eq!(ask(&watched.app, &key), 200);
        watched.freeze();
        let gone = eventually("the end of the proof", Duration::from_secs(10), || {
            let text = Request::new("GET", "/metrics").send(watched.app.addr).text();
            let age = text.lines().find_map(|line| line.strip_prefix("jeton_cache_proof_age_seconds "));
            (age.unwrap().parse::<f64>().unwrap() > 0.2).then_some(ask(&watched.app, &key))
        });
        assert_eq!(gone == 200, answers, "{stale}: {gone}");
        let batch = serde_json::json!({"tokens": [key, key]});
        let batch = Request::new("POST", "/introspect/batch").basic(CLIENT.0, CLIENT.1).json(&batch);
        assert_eq!(batch.send(watched.app.addr).status == 200, answers, "{stale}");
        let unknown = ask(&watched.app, &"0".repeat(40));
        assert_eq!(unknown, 503, "{stale}: what was never looked up is nowhere");
        watched.app.clock.advance(Duration::from_hours(1));
        assert_eq!(ask(&watched.app, &key) == 200, answers, "{stale}: it has no end of its own");
        watched.thaw();
        wait_until_synced(watched.app.addr);
        assert_eq!(ask(&watched.app, &key), 200);
    }
}

/// A node that is cut off from the database does not know of a revocation at another node. After an answer of
/// `?wait=true` it refuses all the same, unless it may answer for longer.
#[test]
fn a_node_that_is_cut_off_calls_no_revoked_token_active_after_the_wait_unless_it_may_be_stale() {
    for (stale, answers) in [("0s", false), ("1h", true)] {
        let nodes = Nodes::start();
        let (login, _) = nodes.user("a");
        let pooler = Pooler::start(&nodes.database.url, "pool_mode=session");
        let cut = Jeton::new()
            .env("DATABASE_URL", pooler.url(&nodes.database.url))
            .env("JETON_SECRET_KEY", SECRET_KEY)
            .env("JETON_DATABASE_TIMEOUT", "500ms")
            .env("JETON_STALE_IF_ERROR", stale)
            .serve();
        let ask = || {
            let request = Request::new("POST", "/introspect").basic(&nodes.client.0, &nodes.client.1);
            request.form(&[("token", &login)]).send(cut.addr)
        };
        wait_until_synced(cut.addr);
        assert_eq!(ask().json()["active"], true);
        pooler.signal("STOP");
        let revoke = Request::new("POST", "/revoke?wait=true").basic(&nodes.client.0, &nodes.client.1);
        assert_eq!(revoke.form(&[("token", &login)]).send(nodes.both[0].addr).status, 200);
        let answer = ask();
        assert_eq!(answer.status, if answers { 200 } else { 503 }, "{stale}: {answer:?}");
        assert_eq!(answer.text().contains("\"active\":true"), answers, "{stale}");
        pooler.signal("CONT");
        eventually("the revocation", Duration::from_secs(10), || {
            let answer = ask();
            (answer.status == 200 && answer.json()["active"] == false).then_some(())
        });
    }
}
