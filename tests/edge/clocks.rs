//! Edges whose clocks are wrong by hours: tokens and old secrets end when the node says so.

use std::time::{Duration, Instant};

use super::{BOUND, Chain, RECOVERY, edge_of, introspect, url, wait_until_cached};
use crate::commands::{done, key_in};
use crate::on_both;
use crate::support::app::TestDatabase;
use crate::support::eventually;
use crate::support::process::Serving;

const HOURS: i64 = 3 * 3600; // in seconds
/// How long a token and an old secret last.
const LIFE: Duration = Duration::from_secs(6);
/// The node is a process, and waits for its turn on a busy machine.
const DELAY: Duration = Duration::from_secs(2);

/// An edge whose clock is behind, an edge of it whose clock is ahead, and the other way round.
fn edges(chain: &Chain) -> [Serving; 4] {
    let [behind, ahead] = [-HOURS, HOURS].map(|by| edge_of(&[&url(&chain.node)], &chain.own).ahead(by).edge());
    let far = [(&behind, HOURS), (&ahead, -HOURS)];
    let [of_behind, of_ahead] = far.map(|(edge, by)| edge_of(&[&url(edge)], &chain.own).ahead(by).edge());
    [behind, ahead, of_behind, of_ahead]
}

fn synced_edges(chain: &Chain) -> [Serving; 4] {
    let edges = edges(chain);
    for edge in &edges {
        crate::support::wait_until_synced(edge.addr);
    }
    edges
}

on_both! {
    fn a_token_ends_at_an_edge_when_it_ends_at_its_node(db) {
        let chain = Chain::on(TestDatabase::migrated(db));
        let edges = synced_edges(&chain);
        let (lasting, _) = chain.user("alice", &[]);
        let token = ["token", "create", "alice", "--name", "short", "--expires-in", "6s"];
        let before = Instant::now();
        let key = key_in(&done(&chain.jeton, &token), "alice");
        let created = Instant::now();
        for edge in &edges {
            // Each has it in memory while it lasts, whatever its clock says.
            wait_until_cached(edge, &chain.client, &lasting);
            let answer = introspect(edge, &chain.client, &key).json();
            assert!(answer["active"] == true || before.elapsed() >= LIFE, "{answer}");
        }
        for edge in &edges {
            eventually("its end", RECOVERY, || {
                let sent = Instant::now();
                let is_active = introspect(edge, &chain.client, &key).json()["active"] == true;
                assert!(!is_active || sent < created + LIFE + DELAY, "{:?} after its end", sent - created - LIFE);
                assert!(is_active || before.elapsed() >= LIFE, "{:?} before its end", LIFE - before.elapsed());
                (!is_active).then_some(())
            });
        }
    }

    fn an_old_secret_ends_at_an_edge_when_it_ends_at_its_node(db) {
        let chain = Chain::on(TestDatabase::migrated(db));
        let edges = synced_edges(&chain);
        let asks = |edge: &Serving, secret: &str| introspect(edge, &(chain.client.0.clone(), secret.to_owned()), "x").status;
        let before = Instant::now();
        let new = done(&chain.jeton, &["client", "rotate", &chain.client.0, "--grace", "6s"]).trim().to_owned();
        let rotated = Instant::now();
        std::thread::sleep(BOUND);
        for edge in &edges {
            let status = asks(edge, &chain.client.1);
            assert!(status == 200 || before.elapsed() >= LIFE, "{status}");
        }
        for edge in &edges {
            eventually("the end of the grace period", RECOVERY, || {
                let sent = Instant::now();
                let status = asks(edge, &chain.client.1);
                assert!(status == 401 || sent < rotated + LIFE + DELAY, "{status} {:?} after its end", sent - rotated - LIFE);
                (status == 401).then_some(())
            });
            assert_eq!(asks(edge, &new), 200);
        }
    }

    /// What an edge remembers ends by a clock that nobody sets.
    fn a_token_and_an_old_secret_end_at_an_edge_whose_clock_is_set_back(db) {
        let chain = Chain::on(TestDatabase::migrated(db));
        let clock = chain.jeton.dir.path().join("clock");
        std::fs::write(&clock, "+0").unwrap();
        let edge = edge_of(&[&url(&chain.node)], &chain.own).edge_at(&clock);
        let (lasting, _) = chain.user("alice", &[]);
        wait_until_cached(&edge, &chain.client, &lasting);
        let token = ["token", "create", "alice", "--name", "short", "--expires-in", "6s"];
        let key = key_in(&done(&chain.jeton, &token), "alice");
        let new = done(&chain.jeton, &["client", "rotate", &chain.client.0, "--grace", "6s"]).trim().to_owned();
        let created = Instant::now();
        crate::support::wait_until_synced(edge.addr);
        let new = (chain.client.0.clone(), new);
        let asks = || [(&chain.client, "x"), (&new, key.as_str())].map(|(client, key)| introspect(&edge, client, key));
        // Both are remembered before the clock is set back, and would last for hours.
        asks();
        std::fs::write(&clock, format!("-{HOURS}s")).unwrap();
        eventually("both ends", RECOVERY, || {
            let sent = Instant::now();
            let [old, short] = asks();
            let is_over = [old.status == 401, short.json()["active"] == false];
            assert!(is_over == [true; 2] || sent < created + LIFE + DELAY, "{is_over:?} {:?}", sent - created - LIFE);
            (is_over == [true; 2]).then_some(())
        });
    }
}
