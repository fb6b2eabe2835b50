//! Upstreams whose changes arrive late, or not at all.

use std::time::{Duration, Instant};

use super::balancer::{Balancer, To};
use super::{Chain, RECOVERY, edge_of, introspect, metric, ready, wait_until_cached};
use crate::on_both;
use crate::support::app::TestDatabase;
use crate::support::eventually;
use crate::support::http::Request;

/// `JETON_REVOCATION_BOUND` of the edge.
const BOUND: Duration = Duration::from_secs(2);

fn is_changes(target: &str) -> bool {
    target.starts_with("/changes")
}

on_both! {
    /// An answer about changes says what was committed before it was asked for, and not before it arrived.
    fn changes_that_arrive_late_are_an_old_proof(db) {
        let chain = Chain::on(TestDatabase::migrated(db));
        let balancer = Balancer::start(vec![chain.node.addr]);
        // With the time that the node takes it is nearly what the edge waits.
        balancer.route(|target, _| if is_changes(target) { To::Late(0, BOUND * 3 / 5) } else { To::Server(0) });
        let edge = edge_of(&[&balancer.url()], &chain.own).env("JETON_REVOCATION_BOUND", "2s").edge();
        let (_, key) = chain.user("alice", &[]);
        // The answer that tells of the new token has arrived: it ends what was remembered before.
        let before = balancer.late_answers();
        eventually("the next answers", RECOVERY, || (balancer.late_answers() > before + 2).then_some(()));
        wait_until_cached(&edge, &chain.client, &key);
        // The next answer does not have the change, and arrives long after it.
        let before = balancer.late_answers();
        eventually("an answer that is held back", RECOVERY, || (balancer.late_answers() > before).then_some(()));
        let revoke = Request::new("POST", "/revoke").basic(&chain.client.0, &chain.client.1);
        assert_eq!(revoke.form(&[("token", &key)]).send(chain.node.addr).status, 200);
        let revoked = Instant::now();
        let mut asked = 0;
        while revoked.elapsed() < BOUND * 2 {
            let sent = Instant::now();
            let is_active = introspect(&edge, &chain.client, &key).json()["active"] == true;
            assert!(!is_active || sent < revoked + BOUND, "an old answer {:?} after the change", sent - revoked);
            asked += 1;
        }
        assert!(asked > 10, "{asked}");
    }

    /// It is asked about each token, because nobody tells what has changed.
    fn an_upstream_that_does_not_tell_its_changes_is_asked_each_time(db) {
        let chain = Chain::on(TestDatabase::migrated(db));
        let balancer = Balancer::start(vec![chain.node.addr]);
        balancer.route(|target, _| if is_changes(target) { To::Nobody } else { To::Server(0) });
        let edge = edge_of(&[&balancer.url()], &chain.own).edge();
        let (key, _) = chain.user("alice", &[]);
        let ask = || introspect(&edge, &chain.client, &key);
        eventually("an answer", RECOVERY, || (ask().status == 200).then_some(()));
        let since = Instant::now();
        while since.elapsed() < BOUND {
            assert_eq!(ask().json()["active"], true);
        }
        assert_eq!(metric(&edge, "jeton_cache_hits_total").to_string(), "0");
        assert_eq!(ready(&edge).status, 200, "it answers");
        balancer.route(|_, _| To::Server(0));
        wait_until_cached(&edge, &chain.client, &key);
    }

    /// Nobody has asked the edge anything when it notices that it cannot read the changes. Then it asks its upstream.
    fn an_upstream_whose_changes_hang_is_asked_each_time(db) {
        let chain = Chain::on(TestDatabase::migrated(db));
        let balancer = Balancer::start(vec![chain.node.addr]);
        let edge = edge_of(&[&balancer.url()], &chain.own).edge();
        let (_, key) = chain.user("alice", &[]);
        wait_until_cached(&edge, &chain.client, &key);
        balancer.route(|target, _| if is_changes(target) { To::Late(0, RECOVERY * 4) } else { To::Server(0) });
        eventually("no proof", RECOVERY, || edge.stderr().contains("the cache is off for now").then_some(()));
        let since = Instant::now();
        while since.elapsed() < BOUND * 2 {
            assert_eq!(introspect(&edge, &chain.client, &key).status, 200, "{}", edge.stderr());
            assert_eq!(ready(&edge).status, 200);
        }
        balancer.route(|_, _| To::Server(0));
        wait_until_cached(&edge, &chain.client, &key);
        // When nothing is answered, nobody waits for it.
        balancer.route(|_, _| To::Late(0, RECOVERY * 4));
        eventually("a refusal at once", RECOVERY, || {
            let asked = Instant::now();
            let answer = introspect(&edge, &chain.client, &key);
            (answer.status == 503 && asked.elapsed() < Duration::from_millis(100)).then_some(())
        });
        balancer.route(|_, _| To::Server(0));
        eventually("an answer", RECOVERY, || (introspect(&edge, &chain.client, &key).status == 200).then_some(()));
        wait_until_cached(&edge, &chain.client, &key);
    }

    /// Whoever balances edges must not send requests there.
    fn an_edge_whose_upstream_does_not_answer_as_jeton_does_is_not_ready(db) {
        let chain = Chain::on(TestDatabase::migrated(db));
        let balancer = Balancer::start(vec![chain.node.addr]);
        let edge = edge_of(&[&balancer.url()], &chain.own).edge();
        let (_, key) = chain.user("alice", &[]);
        wait_until_cached(&edge, &chain.client, &key);
        balancer.route(|_, _| To::Stranger);
        eventually("a refusal", RECOVERY, || (ready(&edge).status == 503).then_some(()));
        assert_eq!(ready(&edge).json()["upstream"], "down");
        assert_eq!(introspect(&edge, &chain.client, &key).status, 503);
        balancer.route(|_, _| To::Server(0));
        eventually("an answer", RECOVERY, || (ready(&edge).status == 200).then_some(()));
    }

    /// Its log speaks of the upstream.
    fn an_upstream_that_fails_is_no_database(db) {
        let chain = Chain::on(TestDatabase::migrated(db));
        let balancer = Balancer::start(vec![chain.node.addr]);
        balancer.route(|_, _| To::Failing);
        let edge = edge_of(&[&balancer.url()], &chain.own).edge();
        let why = "the upstream fails: it answers with status 500";
        eventually("why", RECOVERY, || edge.stderr().contains(why).then_some(()));
        eventually("a refusal", RECOVERY, || (introspect(&edge, &chain.client, "x").status == 503).then_some(()));
        let why = "requests are refused for now: the upstream is not available: it answers with status 500";
        assert!(edge.stderr().contains(why), "{}", edge.stderr());
        assert!(!edge.stderr().contains("database"), "{}", edge.stderr());
    }
}
