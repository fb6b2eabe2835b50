//! Two databases behind one address, as when one takes the other's place: what is read of one is no proof for answers of the
//! other.

use std::time::{Duration, Instant};

use super::balancer::{Balancer, To};
use super::{BOUND, Chain, RECOVERY, edge_of, introspect, metric, url, wait_until_cached};
use crate::commands::{create_client, done, migrated};
use crate::on_both;
use crate::support::app::{Kind, TestDatabase};
use crate::support::eventually;
use crate::support::http::{Request, encode};
use crate::support::process::Serving;

/// Another database with the same clients.
fn another(db: Kind, chain: &Chain) -> (TestDatabase, Serving) {
    let database = TestDatabase::migrated(db);
    let jeton = migrated(&database);
    for client in ["billing", "edge"] {
        create_client(&jeton, client);
        let (to_hex, from_hex) = match db {
            Kind::Postgres => ("encode(secret_digest, 'hex')", "decode('HEX', 'hex')"),
            Kind::Sqlite => ("hex(secret_digest)", "x'HEX'"),
        };
        let hex = chain.database.sql(&format!("select {to_hex} from clients where client_id = '{client}'"));
        let digest = from_hex.replace("HEX", hex.trim());
        database.sql(&format!("update clients set secret_digest = {digest} where client_id = '{client}'"));
    }
    let node = jeton.serve();
    (database, node)
}

on_both! {
    fn changes_of_one_database_are_no_proof_for_answers_of_another(db) {
        let chain = Chain::start(db);
        let (_database, second) = another(db, &chain);
        let balancer = Balancer::start(vec![chain.node.addr, second.addr]);
        let near = edge_of(&[&balancer.url()], &chain.own).edge();
        let far = edge_of(&[&url(&near)], &chain.own).edge();
        let edges = [&near, &far];
        let ask = |edge: &Serving, key: &str| introspect(edge, &chain.client, key);
        let refused_after = |changed: Instant, key: &str| {
            for edge in edges {
                eventually("the revocation", RECOVERY, || {
                    let sent = Instant::now();
                    let answer = ask(edge, key);
                    let is_active = answer.text().contains("\"active\":true");
                    assert!(!is_active || sent < changed + BOUND, "an old answer {:?} after the change", sent - changed);
                    (answer.status == 200 && !is_active && changed.elapsed() > BOUND * 2).then_some(())
                });
            }
        };
        let (first_key, named) = chain.user("alice", &[]);
        let (other_key, _) = chain.user("bob", &[]);
        for edge in edges {
            wait_until_cached(edge, &chain.client, &first_key);
        }

        balancer.route(|target, _| To::Server(usize::from(target.starts_with("/changes"))));
        // All edges follow the second one: every request of before is answered.
        let switched = Instant::now();
        while switched.elapsed() < BOUND * 2 {
            for edge in edges {
                assert_eq!(ask(edge, &first_key).status, 200);
            }
        }
        let hits = |edge| metric(edge, "jeton_cache_hits_total").to_string();
        let before = edges.map(hits);
        let asked = Instant::now();
        while asked.elapsed() < BOUND * 2 {
            for edge in edges {
                assert_eq!(ask(edge, &first_key).json()["active"], true, "the first one's answer");
            }
        }
        assert_eq!(edges.map(hits), before, "nobody proves these answers");
        done(&chain.jeton, &["token", "revoke", "--yes", "--user", "alice"]);
        refused_after(Instant::now(), &first_key);

        balancer.route(|_, number| To::Server(number % 2));
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(3) {
            for edge in edges {
                ask(edge, &other_key);
            }
        }
        done(&chain.jeton, &["token", "revoke", "--yes", "--user", "bob"]);
        refused_after(Instant::now(), &other_key);

        balancer.route(|_, _| To::Server(0));
        let (key, _) = chain.user("carol", &[]);
        for edge in edges {
            wait_until_cached(edge, &chain.client, &key);
        }
        assert_eq!(ask(&near, &named).json()["active"], false);
    }

    /// A follower of an edge comes with a cursor of the first database, while the edge follows the second one.
    fn a_follower_from_another_database_must_forget_everything(db) {
        let chain = Chain::on(TestDatabase::migrated(db));
        let (_database, second) = another(db, &chain);
        let balancer = Balancer::start(vec![chain.node.addr, second.addr]);
        let edge = edge_of(&[&balancer.url()], &chain.own).edge();
        let changes = |after: &str| {
            let request = Request::new("GET", &format!("/changes?after={}", encode(after)));
            let answer = request.basic(&chain.client.0, &chain.client.1).send(edge.addr);
            (answer.status == 200).then(|| answer.json())
        };
        let old = eventually("a cursor", RECOVERY, || changes(""))["cursor"].as_str().unwrap().to_owned();
        let place = old.split('-').take(2).collect::<Vec<_>>().join("%2D");
        // Each request for changes goes to where its cursor is from, as with a balancer that keeps them together.
        balancer.route(|_, _| To::Server(1));
        eventually("the second one's cursor", RECOVERY, || {
            let cursor = changes("")?["cursor"].as_str().unwrap().to_owned();
            (cursor.split('-').take(2).collect::<Vec<_>>().join("%2D") != place).then_some(())
        });
        let first = place.clone();
        balancer.route(move |target, _| To::Server(usize::from(!target.contains(&first))));
        chain.user("alice", &[]);
        for _ in 0..5 {
            let told = eventually("an answer", RECOVERY, || changes(&old));
            assert_eq!(told["reset"], true, "{told}");
        }
    }
}
