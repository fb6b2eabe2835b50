//! `POST /api-token-auth/`: the limit on failed logins by username, over all addresses.

use std::time::Duration;

use serde_json::json;

use super::{PASSWORD, with_alice};
use crate::on_both;
use crate::support::app::{App, Kind};
use crate::support::calls::MICRO;
use crate::support::console::Visit;
use crate::support::http::{Answer, Request};

const DAY: Duration = Duration::from_hours(24);
const LIMITS: [(&str, &str); 2] = [("JETON_LOGIN_LIMIT_ACCOUNT", "5/hour"), ("JETON_TRUSTED_PROXIES", "127.0.0.1")];

const HOME: &str = "198.51.100.7";

fn from(app: &App, address: &str, username: &str, password: &str) -> Answer {
    let login = json!({"username": username, "password": password});
    app.send(Request::new("POST", "/api-token-auth/").header("X-Forwarded-For", address).json(&login))
}

/// Sends five wrong passwords, each from another address, and a sixth, which is throttled.
#[track_caller]
fn use_up_limit(app: &App, username: &str) {
    for number in 1..=5 {
        assert_eq!(from(app, &format!("192.0.2.{number}"), username, "wrong").status, 400);
    }
    let answer = from(app, "192.0.2.6", username, "wrong");
    assert_eq!((answer.status, answer.header("Retry-After").as_deref()), (429, Some("3600")), "{username}: {answer:?}");
}

/// An app where alice has logged in from `HOME`, and others have used up her limit from elsewhere.
fn with_limit_used_up(db: Kind, settings: &[(&str, &str)]) -> App {
    let app = with_alice(db, &[&LIMITS[..], settings].concat());
    assert_eq!(from(&app, HOME, "alice", PASSWORD).status, 200);
    use_up_limit(&app, "alice");
    app
}

fn networks(app: &App) -> String {
    app.database.sql("select network from login_networks order by network")
}

on_both! {
    fn failures_from_all_addresses_count_and_unknown_names_are_limited_too(db) {
        let app = with_limit_used_up(db, &[]);
        app.create_user("bob", PASSWORD, &json!({}));
        use_up_limit(&app, "bob");
        use_up_limit(&app, "nobody");
        assert_eq!(from(&app, "203.0.113.1", "bob", PASSWORD).status, 429, "a right password too");
        assert_eq!(from(&app, "203.0.113.1", "carol", "wrong").status, 400, "another name");
        app.clock.advance(Duration::from_hours(1));
        assert_eq!(from(&app, "203.0.113.1", "bob", PASSWORD).status, 200);
    }

    fn a_user_can_log_in_from_known_addresses_at_the_limit(db) {
        let app = with_limit_used_up(db, &[("JETON_LOGIN_LIMIT_USER", "3/min")]);
        for _ in 0..2 {
            assert_eq!(from(&app, HOME, "alice", PASSWORD).status, 200);
        }
        for _ in 0..3 {
            assert_eq!(from(&app, HOME, "alice", "wrong").status, 400);
        }
        let answer = from(&app, HOME, "alice", PASSWORD);
        assert_eq!((answer.status, answer.header("Retry-After").as_deref()), (429, Some("60")), "the other limits still apply");
        let answer = from(&app, "192.0.2.1", "alice", PASSWORD);
        assert_eq!(answer.status, 429, "a failed login does not make an address known");
        app.create_user("bob", PASSWORD, &json!({}));
        use_up_limit(&app, "bob");
        assert_eq!(from(&app, HOME, "bob", PASSWORD).status, 429, "an address that only another user has used");
    }

    fn an_ipv6_network_counts_as_one_known_address(db) {
        let app = with_alice(db, &LIMITS);
        assert_eq!(from(&app, "2001:db8:1:2::7", "alice", PASSWORD).status, 200);
        use_up_limit(&app, "alice");
        assert_eq!(from(&app, "2001:db8:1:2:3::8", "alice", PASSWORD).status, 200);
        assert_eq!(from(&app, "2001:db8:1:3::7", "alice", PASSWORD).status, 429);
        assert_eq!(networks(&app), "127.0.0.1\n2001:db8:1:2::/64", "the first is the admin's");
    }

    fn every_node_knows_the_addresses_also_after_a_restart(db) {
        let app = with_limit_used_up(db, &[]);
        let node = app.node(&LIMITS);
        use_up_limit(&node, "alice");
        assert_eq!(from(&node, HOME, "alice", PASSWORD).status, 200);
    }

    fn an_address_is_known_for_thirty_days(db) {
        let app = with_alice(db, &LIMITS);
        assert_eq!(from(&app, HOME, "alice", PASSWORD).status, 200);
        app.clock.advance(DAY * 30 - Duration::from_hours(1) - MICRO);
        use_up_limit(&app, "alice");
        assert_eq!(from(&app, HOME, "alice", "wrong").status, 400);
        app.clock.advance(Duration::from_hours(1) + MICRO);
        use_up_limit(&app, "alice");
        assert_eq!(from(&app, HOME, "alice", PASSWORD).status, 429);
        app.clock.advance(Duration::from_hours(1));
        assert_eq!(from(&app, HOME, "alice", PASSWORD).status, 200);
        use_up_limit(&app, "alice");
        assert_eq!(from(&app, HOME, "alice", PASSWORD).status, 200, "the address is known again");
    }

    fn the_time_of_a_login_is_written_once_a_day(db) {
        let app = with_alice(db, &LIMITS);
        let seen_at = || app.database.sql("select seen_at from login_networks");
        assert_eq!(from(&app, HOME, "alice", PASSWORD).status, 200);
        let first = seen_at();
        app.clock.advance(DAY - MICRO);
        assert_eq!(from(&app, HOME, "alice", PASSWORD).status, 200);
        // A node without the row in its memory does not write it either.
        assert_eq!(from(&app.node(&LIMITS), HOME, "alice", PASSWORD).status, 200);
        assert_eq!(seen_at(), first);
        app.clock.advance(MICRO);
        assert_eq!(from(&app, HOME, "alice", PASSWORD).status, 200);
        assert_ne!(seen_at(), first);
    }

    fn a_failed_login_stores_no_address_and_a_deleted_user_leaves_no_row(db) {
        let app = with_alice(db, &LIMITS);
        assert_eq!(from(&app, HOME, "alice", "wrong").status, 400);
        assert_eq!(networks(&app), "127.0.0.1", "only the admin's address");
        assert_eq!(from(&app, HOME, "alice", PASSWORD).status, 200);
        assert_eq!(networks(&app), format!("127.0.0.1\n{HOME}"));
        assert_eq!(app.delete("/admin/users/alice/", &app.admin_token()).status, 204);
        assert_eq!(networks(&app), "127.0.0.1");
    }

    fn the_console_uses_the_same_limit_and_addresses(db) {
        let app = with_alice(db, &LIMITS);
        app.create_user("stella", PASSWORD, &json!({"is_staff": true}));
        let home = || Visit::new(&app).with("X-Forwarded-For", HOME);
        assert_eq!(home().sign_in("stella", PASSWORD).status, 303);
        for number in 1..=5 {
            let mut visit = Visit::new(&app).with("X-Forwarded-For", &format!("192.0.2.{number}"));
            assert_eq!(visit.sign_in("stella", "wrong").status, 400);
        }
        assert_eq!(from(&app, "192.0.2.6", "stella", PASSWORD).status, 429);
        assert_eq!(Visit::new(&app).with("X-Forwarded-For", "192.0.2.6").sign_in("stella", PASSWORD).status, 429);
        assert_eq!(home().sign_in("stella", PASSWORD).status, 303);
        assert_eq!(from(&app, HOME, "stella", PASSWORD).status, 200);
    }

    fn the_account_limit_can_be_turned_off(db) {
        let app = with_alice(db, &[("JETON_LOGIN_LIMIT_ACCOUNT", "none"), LIMITS[1]]);
        assert!((0..110).all(|number| from(&app, &format!("192.0.2.{number}"), "alice", "wrong").status == 400));
        assert_eq!(from(&app, HOME, "alice", PASSWORD).status, 200);
        assert_eq!(networks(&app), "", "and no address is stored");
    }

    fn the_default_account_limit_is_a_hundred_failures_an_hour(db) {
        let app = with_alice(db, &[("JETON_LOGIN_LIMIT_ACCOUNT", ""), LIMITS[1]]);
        assert!((0..100).all(|number| from(&app, &format!("192.0.2.{number}"), "alice", "wrong").status == 400));
        let answer = from(&app, "192.0.2.200", "alice", "wrong");
        assert_eq!((answer.status, answer.header("Retry-After").as_deref()), (429, Some("3600")));
    }
}
