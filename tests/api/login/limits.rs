//! `POST /api-token-auth/`: limits on failed logins, on a clock that the tests move.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::{BOTH_MISSING, PASSWORD, WRONG, assert_answer, holding, post_json, with_alice};
use crate::on_both;
use crate::support::app::App;
use crate::support::http::{Answer, Request};

/// Proxies whose `X-Forwarded-For` counts: the tests themselves.
const PROXIES: (&str, &str) = ("JETON_TRUSTED_PROXIES", "127.0.0.1");
const PER_USER: (&str, &str) = ("JETON_LOGIN_LIMIT_USER", "3/min");
const PER_ADDRESS: (&str, &str) = ("JETON_LOGIN_LIMIT_ADDRESS", "3/min");

#[track_caller]
fn assert_throttled(answer: &Answer, seconds: u64) {
    let unit = if seconds == 1 { "second" } else { "seconds" };
    let body = format!("{{\"detail\":\"Request was throttled. Expected available in {seconds} {unit}.\"}}");
    assert_answer(answer, 429, &body, "throttled");
    assert_eq!(answer.headers_named("Retry-After"), [seconds.to_string()]);
}

fn fail(app: &App, username: &str) {
    assert_answer(&app.try_login(username, "wrong"), 400, WRONG, username);
}

/// The status of alice's login with a wrong password, which a proxy forwards with these `X-Forwarded-For` headers.
fn forwarded(app: &App, forwarded_for: &[&str]) -> u16 {
    let request = Request::new("POST", "/api-token-auth/").json(&json!({"username": "alice", "password": "wrong"}));
    let request = forwarded_for.iter().fold(request, |request, value| request.header("X-Forwarded-For", value));
    app.send(request).status
}

on_both! {
    fn failures_of_a_user_are_limited(db) {
        let app = with_alice(db, &[PER_USER]);
        app.create_user("bob", PASSWORD, &json!({}));
        fail(&app, "alice");
        app.clock.advance(Duration::from_millis(20_500));
        fail(&app, "alice");
        fail(&app, "alice");
        assert_throttled(&app.try_login("alice", "wrong"), 40);
        assert_throttled(&app.try_login("alice", PASSWORD), 40);
        let key = app.login("bob", PASSWORD);
        assert_answer(&app.try_login("bob", PASSWORD), 200, &holding(&key), "another user");
        app.clock.advance(Duration::from_millis(38_500));
        assert_throttled(&app.try_login("alice", PASSWORD), 1);
        app.clock.advance(Duration::from_secs(1));
        let key = app.login("alice", PASSWORD);
        assert_answer(&app.try_login("alice", PASSWORD), 200, &holding(&key), "a minute after the first failure");
        fail(&app, "alice");
        assert_throttled(&app.try_login("alice", PASSWORD), 21);
    }

    fn failures_of_an_address_are_limited(db) {
        let app = with_alice(db, &[PER_ADDRESS]);
        app.create_user("ina", PASSWORD, &json!({"is_active": false}));
        fail(&app, "alice");
        fail(&app, "nobody");
        assert_answer(&app.try_login("ina", PASSWORD), 400, WRONG, "inactive");
        for username in ["alice", "bob", "nobody"] {
            assert_throttled(&app.try_login(username, PASSWORD), 60);
        }
        app.clock.advance(Duration::from_mins(1));
        app.login("alice", PASSWORD);
    }

    fn only_failures_count(db) {
        let app = with_alice(db, &[PER_USER, PER_ADDRESS]);
        for _ in 0..5 {
            app.login("alice", PASSWORD);
            assert_answer(&app.send(post_json("{}")), 400, BOTH_MISSING, "no fields");
            assert_eq!(app.send(post_json("{")).status, 400);
        }
        fail(&app, "alice");
        fail(&app, "alice");
        for _ in 0..5 {
            app.login("alice", PASSWORD);
        }
        fail(&app, "alice");
        for _ in 0..5 {
            assert_throttled(&app.try_login("alice", "wrong"), 60);
        }
        app.clock.advance(Duration::from_mins(1));
        fail(&app, "alice"); // throttled attempts have not extended the wait
    }

    fn the_token_limit_does_not_count_as_a_failed_login(db) {
        let app = with_alice(db, &[("JETON_TOKEN_MODE", "multiple"), ("JETON_TOKEN_LIMIT_PER_USER", "1"), PER_USER]);
        app.login("alice", PASSWORD);
        for _ in 0..5 {
            assert_eq!(app.try_login("alice", PASSWORD).status, 403);
        }
    }

    fn the_default_limits_are_ten_failures_of_a_user_and_a_hundred_of_an_address_a_minute(db) {
        let app = App::with(db, &[("JETON_LOGIN_LIMIT_USER", ""), ("JETON_LOGIN_LIMIT_ADDRESS", "")]);
        for user in 0..10 {
            let username = format!("user-{user}");
            for _ in 0..10 {
                fail(&app, &username);
            }
            assert_throttled(&app.try_login(&username, "wrong"), 60);
        }
        assert_throttled(&app.try_login("another", "wrong"), 60);
    }

    fn none_turns_a_limit_off(db) {
        let app = with_alice(db, &[("JETON_LOGIN_LIMIT_USER", "none"), ("JETON_LOGIN_LIMIT_ADDRESS", "none")]);
        for _ in 0..110 {
            fail(&app, "alice");
        }
    }

    fn simultaneous_guesses_are_limited_too(db) {
        let app = with_alice(db, &[("JETON_LOGIN_LIMIT_USER", "5/min")]);
        let statuses = statuses_at_once(&app, 20, "wrong");
        let of = |status: u16| statuses.iter().filter(|other| **other == status).count();
        assert_eq!((of(400), of(429)), (5, 15), "{statuses:?}");
    }

    fn simultaneous_good_logins_do_not_count_as_failures(db) {
        let app = with_alice(db, &[PER_USER]);
        let statuses = statuses_at_once(&app, 20, PASSWORD);
        assert_eq!(statuses, [200; 20]);
    }

    fn forwarded_addresses_count_when_a_proxy_is_trusted(db) {
        let app = with_alice(db, &[PER_ADDRESS, ("JETON_TRUSTED_PROXIES", "127.0.0.0/8,10.0.0.0/8")]);
        for _ in 0..3 {
            assert_eq!(forwarded(&app, &["192.0.2.1"]), 400);
        }
        for same in [
            &["192.0.2.1"][..],
            &["9.9.9.9, 192.0.2.1"], // the client itself has sent the first address
            &["9.9.9.9", "192.0.2.1"],
            &["192.0.2.1, 10.1.2.3"], // the last address is a second trusted proxy
            &["192.0.2.1,10.1.2.3 , 127.0.0.2"],
            &["::ffff:192.0.2.1"],
        ] {
            assert_eq!(forwarded(&app, same), 429, "{same:?}");
        }
        for other in [&["192.0.2.2"][..], &["192.0.2.1, 192.0.2.3"], &["2001:db8::1"], &[]] {
            assert_eq!(forwarded(&app, other), 400, "{other:?}");
        }
    }

    fn forwarded_addresses_from_untrusted_peers_do_not_count(db) {
        for settings in [&[PER_ADDRESS][..], &[PER_ADDRESS, ("JETON_TRUSTED_PROXIES", "10.0.0.0/8")]] {
            let app = with_alice(db, settings);
            let statuses: Vec<u16> = (1..5).map(|n| forwarded(&app, &[&format!("192.0.2.{n}")])).collect();
            assert_eq!(statuses, [400, 400, 400, 429]);
        }
    }

    fn an_ipv6_network_counts_as_one_address(db) {
        let app = with_alice(db, &[PER_ADDRESS, PROXIES]);
        for number in 1..=3 {
            assert_eq!(forwarded(&app, &[&format!("2001:db8:1:2:{number}::{number}")]), 400);
        }
        assert_eq!(forwarded(&app, &["2001:db8:1:2:ffff::1"]), 429);
        assert_eq!(forwarded(&app, &["2001:db8:1:3::1"]), 400);
        let app = with_alice(db, &[PER_USER, PROXIES]);
        let statuses: Vec<u16> = (1..=4).map(|n| forwarded(&app, &[&format!("2001:db8::{n}")])).collect();
        assert_eq!(statuses, [400, 400, 400, 429], "the limit of a user too");
        assert_eq!(forwarded(&app, &["::ffff:192.0.2.1"]), 400, "IPv4, however it is written");
        for _ in 0..2 {
            assert_eq!(forwarded(&app, &["192.0.2.1"]), 400);
        }
        assert_eq!(forwarded(&app, &["::ffff:c000:201"]), 429);
    }

    fn a_name_that_is_too_long_gets_the_ordinary_message(db) {
        let app = with_alice(db, &[("JETON_LOGIN_LIMIT_USER", "3/min")]);
        let name = "é".repeat(25_000);
        for _ in 0..3 {
            fail(&app, &name);
        }
        assert_throttled(&app.try_login(&name, "wrong"), 60);
        let entry = app.list("/admin/audit/?action=login.failed")[0].clone();
        assert_eq!((entry["target"].as_str(), &entry["details"]["reason"]), (Some(&*"é".repeat(150)), &json!("throttled")));
    }

    fn the_limit_of_a_user_is_separate_for_each_address(db) {
        let app = with_alice(db, &[PER_USER, ("JETON_TRUSTED_PROXIES", "127.0.0.1")]);
        let statuses: Vec<u16> = (0..4).map(|_| forwarded(&app, &["192.0.2.1"])).collect();
        assert_eq!(statuses, [400, 400, 400, 429]);
        assert_eq!(forwarded(&app, &["192.0.2.2"]), 400, "a user is not locked out at other addresses");
        app.login("alice", PASSWORD);
    }
}

fn statuses_at_once(app: &App, count: usize, password: &str) -> Vec<u16> {
    let barrier = Barrier::new(count);
    let login = || {
        barrier.wait();
        app.try_login("alice", password).status
    };
    thread::scope(|scope| {
        let logins: Vec<_> = (0..count).map(|_| scope.spawn(login)).collect();
        logins.into_iter().map(|login| login.join().unwrap()).collect()
    })
}
