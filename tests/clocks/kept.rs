//! Limits use a clock that cannot be set, and a time that a wrong clock has stored does not prevent a right one.

use std::time::Duration;

use serde_json::json;

use crate::on_both;
use crate::support::app::{ADMIN, App, CLIENT};
use crate::support::calls::ALICE;
use crate::support::console::Visit;
use crate::support::eventually;
use crate::support::http::Request;

const LIMIT: Duration = Duration::from_secs(10);
const FORTY_DAYS: i64 = 40 * 24 * 3600; // in seconds

on_both! {
    fn a_limit_on_logins_lasts_as_long_whatever_the_clock_is_set_to(db) {
        let app = App::with(db, &[("JETON_LOGIN_LIMIT_USER", "2/min")]);
        app.create_user(ALICE.0, ALICE.1, &json!({}));
        for _ in 0..2 {
            assert_eq!(app.try_login(ALICE.0, "wrong").status, 400);
        }
        for minutes in [0, 10, -10, 60 * 24 * 40, -60 * 24 * 40] {
            app.clock.set_ahead(minutes * 60);
            let answer = app.try_login(ALICE.0, ALICE.1);
            assert_eq!((answer.status, answer.header("Retry-After").as_deref()), (429, Some("60")), "{minutes}");
        }
        app.clock.advance(Duration::from_mins(1));
        assert_eq!(app.try_login(ALICE.0, ALICE.1).status, 200);
    }

    fn a_limit_on_clients_lasts_as_long_whatever_the_clock_is_set_to(db) {
        let app = App::with(db, &[("JETON_CLIENT_LIMIT_ADDRESS", "2/min")]);
        let introspect = |secret: &str| {
            let request = Request::new("POST", "/introspect").basic("other", secret).form(&[("token", "x")]);
            app.send(request).status
        };
        assert_eq!([introspect("a"), introspect("b")], [401; 2]);
        for minutes in [10, -10] {
            app.clock.set_ahead(minutes * 60);
            assert_eq!(introspect(CLIENT.1), 429, "{minutes}");
        }
        app.clock.advance(Duration::from_mins(1));
        assert_eq!(introspect(CLIENT.1), 401);
    }

    fn a_last_use_in_the_far_future_is_overwritten_and_one_in_the_near_future_stays(db) {
        let app = App::start(db);
        let key = app.alice();
        let of_alice = "user_id = (select id from users where username = 'alice')";
        let last_use = || app.database.sql(&format!("select last_used_at from tokens where {of_alice}")).replace("+00", "");
        let ahead = app.node_ahead(FORTY_DAYS, &[]);
        ahead.introspect(&key);
        drop(ahead); // writes what it has noted
        assert_eq!(last_use(), "2025-07-25 15:06:40.123456");
        app.sql("update users set email = 'a@example.com' where username = 'alice'"); // removes the cached answer
        app.introspect(&key);
        eventually("the use", LIMIT, || (last_use() == "2025-06-15 15:06:40.123456").then_some(()));
        let ahead = app.node_ahead(300, &[]);
        ahead.introspect(&key);
        drop(ahead);
        assert_eq!(last_use(), "2025-06-15 15:11:40.123456");
        let node = app.node(&[]);
        node.introspect(&key);
        drop(node);
        assert_eq!(last_use(), "2025-06-15 15:11:40.123456", "a time by a clock that may be right is not set back");
    }

    fn a_last_login_and_a_login_network_in_the_far_future_are_overwritten(db) {
        let app = App::with(db, &[("JETON_LOGIN_LIMIT_ACCOUNT", "100/hour")]);
        app.create_user(ALICE.0, ALICE.1, &json!({}));
        let noted = || {
            app.database
                .sql("select last_login, seen_at from users join login_networks on users.id = user_id where username = 'alice'")
                .replace("+00", "")
        };
        let ahead = app.node_ahead(FORTY_DAYS, &[("JETON_LOGIN_LIMIT_ACCOUNT", "100/hour")]);
        ahead.login(ALICE.0, ALICE.1);
        drop(ahead);
        assert_eq!(noted(), "2025-07-25 15:06:40.123456|2025-07-25 15:06:40.123456");
        app.login(ALICE.0, ALICE.1);
        eventually("the times of this login", LIMIT, || (noted() == "2025-06-15 15:06:40.123456|2025-06-15 15:06:40.123456").then_some(()));
    }

    fn a_session_from_the_far_future_is_over_and_one_from_a_clock_minutes_apart_stays_valid(db) {
        let app = App::start(db);
        for (ahead, stays_valid) in [(300, true), (-300, true), (FORTY_DAYS, false)] {
            let node = app.node_ahead(ahead, &[]);
            let mut there = Visit::by(&node, ADMIN);
            assert!(there.is_signed_in());
            let mut here = Visit::new(&app);
            here.cookies.clone_from(&there.cookies);
            assert_eq!(here.is_signed_in(), stays_valid, "{ahead}");
            assert_eq!(there.is_signed_in(), stays_valid, "{ahead}: on the node that began it");
        }
    }

    fn the_audit_log_has_the_order_of_events_whatever_the_clock_is_set_to(db) {
        let app = App::start(db);
        let names = ["first", "second", "third", "fourth"];
        for (name, minutes) in names.into_iter().zip([5, -5, 60, 0]) {
            app.clock.set_ahead(minutes * 60);
            app.try_login(name, "wrong");
        }
        let listed = app.list("/admin/audit/?action=login.failed");
        let targets: Vec<_> = listed.iter().rev().map(|entry| entry["target"].as_str().unwrap()).collect();
        assert_eq!(targets, names);
    }
}
