//! Wrong client credentials that come through an edge, and upstreams that are asked too often.

use super::{RECOVERY, edge_of, introspect, url};
use crate::commands::{create_client, done, migrated};
use crate::on_both;
use crate::support::app::{Kind, TestDatabase};
use crate::support::eventually;
use crate::support::http::{Answer, Request};
use crate::support::process::{Jeton, Serving};

/// Asks as a client at an address, which the edge's proxy reports.
fn ask(edge: &Serving, address: &str, (id, secret): (&str, &str)) -> Answer {
    let request = Request::new("POST", "/introspect").basic(id, secret).header("x-forwarded-for", address);
    request.form(&[("token", "x")]).send(edge.addr)
}

/// An edge behind a proxy, with a limit for each client address.
fn limited(upstream: &Serving, own: &(String, String)) -> Jeton {
    let edge = edge_of(&[&url(upstream)], own).env("JETON_TRUSTED_PROXIES", "127.0.0.1");
    edge.env("JETON_CLIENT_LIMIT_ADDRESS", "6/min")
}

on_both! {
    fn a_client_that_keeps_failing_at_an_edge_locks_out_nobody_else(db) {
        let database = TestDatabase::migrated(db);
        let jeton = migrated(&database).env("JETON_CLIENT_LIMIT_ADDRESS", "12/min");
        let [own, good, other] = ["edge", "good", "other"].map(|name| create_client(&jeton, name));
        let node = jeton.serve();
        let near = limited(&node, &own).edge();
        let far = limited(&near, &own).edge();
        for (edge, unrelated) in [(&near, "one"), (&far, "two")] {
            eventually("an answer", RECOVERY, || (ask(edge, "192.0.2.9", (&own.0, &own.1)).status == 200).then_some(()));
            assert_eq!(ask(edge, "192.0.2.2", (&good.0, &good.1)).status, 200);
            for _ in 0..6 {
                assert_eq!(ask(edge, "192.0.2.1", ("good", "wrong")).status, 401);
            }
            let refused = ask(edge, "192.0.2.1", ("good", "wrong"));
            assert_eq!(refused.status, 429, "{refused:?}");
            let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=60).contains(&wait), "{wait}");
            // After a change of any client the upstream is asked again.
            create_client(&jeton, unrelated);
            assert_eq!(ask(edge, "192.0.2.2", (&good.0, &good.1)).status, 200);
        }
        // Neither at the node, where all of them have the edges' address.
        assert_eq!(introspect(&node, &other, "x").status, 200);
        let audited = done(&jeton, &["audit", "--action", "client.failed"]);
        assert_eq!(audited.matches("client.failed").count(), 1, "{audited}");
    }

    /// Whoever has secrets checked for others cannot try them without end.
    fn a_client_that_is_tried_too_often_by_way_of_an_edge_is_refused_there_and_no_other_one(db) {
        let database = TestDatabase::migrated(db);
        let jeton = migrated(&database).env("JETON_CLIENT_LIMIT_ADDRESS", "3/min");
        let [own, good, other, last] = ["edge", "good", "other", "last"].map(|name| create_client(&jeton, name));
        let node = jeton.serve();
        let near = edge_of(&[&url(&node)], &own).edge();
        let far = edge_of(&[&url(&near)], &own).edge();
        for edge in [&near, &far] {
            eventually("an answer", RECOVERY, || (introspect(edge, &own, "x").status == 200).then_some(()));
        }
        for _ in 0..3 {
            assert_eq!(introspect(&near, &("good".into(), "wrong".into()), "x").status, 401);
        }
        for (edge, bystander) in [(&near, &other), (&far, &last)] {
            for client in [&("good".into(), "wrong".into()), &good] {
                let refused = introspect(edge, client, "x");
                let wait: u64 = refused.header("retry-after").unwrap_or_default().parse().unwrap_or_default();
                assert_eq!((refused.status, (1..=60).contains(&wait)), (429, true), "{refused:?}");
            }
            assert_eq!(introspect(edge, bystander, "x").status, 200);
        }
        assert_eq!(introspect(&node, &good, "x").status, 200, "not by way of the edge");
        let audited = done(&jeton, &["audit", "--action", "client.failed"]);
        let lines: Vec<&str> = audited.lines().filter(|line| line.contains("client.failed")).collect();
        assert!(lines.len() == 1 && lines[0].contains(r#"{"caller":"client:edge"}"#), "{audited}");
    }

    /// One is wrong, one cannot be read, one is right: they are checked together.
    fn each_client_that_is_checked_gets_its_own_answer(db) {
        let database = TestDatabase::migrated(db);
        let jeton = migrated(&database);
        let [own, good, bad] = ["edge", "good", "bad"].map(|name| create_client(&jeton, name));
        let damage = match db {
            Kind::Postgres => "alter table clients drop constraint clients_secret_digest_check; \
                update clients set secret_digest = ''",
            Kind::Sqlite => "update clients set previous_digest = secret_digest, previous_until = 'no time'",
        };
        database.sql(&format!("{damage} where client_id = 'bad'"));
        let node = jeton.serve();
        let edge = edge_of(&[&url(&node)], &own).edge();
        eventually("an answer", RECOVERY, || (introspect(&edge, &own, "x").status == 200).then_some(()));
        let wrong = ("good".to_owned(), "\u{1}".repeat(1_500));
        // In JSON this is more than the node's largest body: each of these bytes takes six.
        let long = format!("client_id=good&token=x&client_secret={}", "\u{1}".repeat(60_000));
        let long = Request::new("POST", "/introspect").body("application/x-www-form-urlencoded", long);
        std::thread::scope(|scope| {
            let (edge, long) = (&edge, &long);
            for _ in 0..8 {
                for (client, status) in [(&good, 200), (&wrong, 401), (&bad, 500)] {
                    scope.spawn(move || assert_eq!(introspect(edge, client, "x").status, status, "{}", client.0));
                }
                scope.spawn(move || assert_eq!(long.send(edge.addr).status, 401, "a long secret"));
            }
        });
    }
}

/// The edge itself is refused at first: somebody at its address keeps failing.
#[test]
fn an_edge_gives_on_that_its_upstream_is_asked_too_often() {
    let database = TestDatabase::migrated(Kind::Sqlite);
    let jeton = migrated(&database).env("JETON_CLIENT_LIMIT_ADDRESS", "3/min");
    let own = create_client(&jeton, "edge");
    let node = jeton.serve();
    for status in [401, 401, 401, 429] {
        assert_eq!(introspect(&node, &("edge".to_owned(), "wrong".to_owned()), "x").status, status);
    }
    let near = edge_of(&[&url(&node)], &own).edge();
    let far = edge_of(&[&url(&near)], &own).edge();
    for edge in [&near, &far] {
        for request in [
            Request::new("POST", "/introspect").basic(&own.0, &own.1).form(&[("token", "x")]),
            Request::new("GET", "/auth/verify").token("0123"),
        ] {
            let answer = eventually("a refusal", RECOVERY, || {
                let answer = request.send(edge.addr);
                (answer.status == 429).then_some(answer)
            });
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((2..=60).contains(&wait), "{answer:?}");
        }
    }
}
