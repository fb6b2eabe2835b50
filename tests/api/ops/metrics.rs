//! `GET /metrics`: each event is counted, and counted once.

use std::collections::BTreeSet;

use crate::on_both;
use crate::support::app::{App, CLIENT};
use crate::support::http::Request;

/// The names in the table of docs/metrics.md.
fn documented() -> BTreeSet<String> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    rows.map(str::to_owned).collect()
}

on_both! {
    fn the_document_lists_exactly_the_existing_metrics(db) {
        let app = App::start(db);
        app.admin_token();
        app.send(Request::new("GET", "/me"));
        let text = app.send(Request::new("GET", "/metrics")).text();
        let served: BTreeSet<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next())
            .map(str::to_owned)
            .collect();
        assert_eq!(served, documented());
    }

    fn each_introspection_is_counted_as_a_hit_a_miss_or_neither(db) {
        let app = App::start(db);
        let key = app.alice();
        app.wait_until_synced();
        let unknown = "0".repeat(40);
        let counts = || {
            ["jeton_cache_hits_total", "jeton_cache_misses_total"].map(|name| app.count(name)).into_iter()
                .chain(["active", "unknown", "malformed", "revoked"].map(|result| {
                    app.count(&format!("jeton_introspections_total{{result=\"{result}\"}}"))
                }))
                .collect::<Vec<_>>()
        };
        let mut expected = counts();
        let mut see = |token: &str, what: &str, rise: [u64; 6]| {
            app.send(Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1).form(&[("token", token)]));
            expected.iter_mut().zip(rise).for_each(|(count, more)| *count += more);
            assert_eq!(counts(), expected, "{what}");
        };
        see(&key, "asked for the first time", [0, 1, 1, 0, 0, 0]);
        for _ in 0..8 {
            see(&key, "from the cache, past the router or not", [1, 0, 1, 0, 0, 0]);
        }
        see(&unknown, "unknown", [0, 1, 0, 1, 0, 0]);
        see(&unknown, "known to be unknown", [1, 0, 0, 1, 0, 0]);
        see("\n", "no key can be that", [0, 0, 0, 0, 1, 0]);
        app.revoke(&key);
        app.wait_until_synced();
        see(&key, "revoked", [0, 1, 0, 0, 0, 1]);
        see(&key, "known to be revoked", [1, 0, 0, 0, 0, 1]);
    }

    fn a_caller_s_own_token_is_counted_once_a_request(db) {
        let app = App::start(db);
        let (admin, unknown) = (app.admin_token(), "0".repeat(40));
        app.wait_until_synced();
        let active = || app.count("jeton_introspections_total{result=\"active\"}");
        for path in ["/introspect", "/revoke"] {
            let before = active();
            let answer = app.send(Request::new("POST", path).token(&admin).form(&[("token", &unknown)]));
            assert_eq!((answer.status, active()), (200, before + 1), "{path}");
        }
    }
}
