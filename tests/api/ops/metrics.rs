//! `GET /metrics`: each event is counted, and counted once.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::on_both;
use crate::support::app::{App, CLIENT};
use crate::support::eventually;
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

    fn tokens_that_end_soon_or_that_nobody_uses_are_counted(db) {
        let app = App::with(db, &[("JETON_TOKEN_TTL", "5d")]);
        let key = app.alice();
        for (name, expires_in) in [("ci", None), ("nightly", None), ("soon", Some("7d")), ("later", Some("8d")), ("gone", Some("1h"))] {
            let mut body = json!({"name": name});
            if let Some(span) = expires_in {
                body["expires_in"] = json!(span);
            }
            app.name_token(&key, &body);
        }
        // An app that starts anew counts at once: what it counted is what another node would.
        let counted = |app: &App| {
            let node = app.node(&[("JETON_TOKEN_TTL", "5d")]);
            eventually("a count", Duration::from_secs(20), || {
                let text = node.send(Request::new("GET", "/metrics")).text();
                let of = |metric: &str, kind: &str| {
                    let line = text.lines().find_map(|line| line.strip_prefix(&format!("jeton_tokens_{metric}{{kind=\"{kind}\"}} ")));
                    line.unwrap().to_owned()
                };
                let all = [of("expiring", "login"), of("expiring", "named"), of("unused", "login"), of("unused", "named")];
                all.iter().all(|value| value != "NaN").then(|| all.join(" "))
            })
        };
        app.clock.advance(Duration::from_hours(2));
        // alice's login token, and the admin's of the password that made the user, end within 5 days.
        let logins = app.sql("select count(*) from tokens where name is null");
        assert_eq!(counted(&app), format!("{logins} 1 0 0"));
        app.clock.advance(Duration::from_hours(24 * 6));
        assert_eq!(counted(&app), "0 2 0 0", "both that end have a week at most now; logins have ended");
        app.sql("update tokens set expires_at = null where name = 'later'");
        app.clock.advance(Duration::from_hours(24 * 85));
        let in_use = "update tokens set last_used_at = created_at where name = 'nightly'";
        app.sql(in_use);
        assert_eq!(counted(&app), "0 0 0 3", "ci, nightly and later, since their creation or last use");
        let now = app.clock.now().to_string().replace('T', " ").replace('Z', "");
        app.sql(&format!("update tokens set last_used_at = '{now}' where name = 'nightly'"));
        assert_eq!(counted(&app), "0 0 0 2");
        app.sql("update tokens set revoked_at = created_at");
        assert_eq!(counted(&app), "0 0 0 0");
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
