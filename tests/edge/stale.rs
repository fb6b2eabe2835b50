//! An upstream that does not reach its database, and answers from memory for longer than its edge may.

use std::time::{Duration, Instant};

use super::{BOUND, Chain, RECOVERY, edge_of, introspect, url, verify, wait_until_cached};
use crate::commands::{create_client, create_user, done, key_in, login, migrated};
use crate::support::app::{Kind, TestDatabase};
use crate::support::eventually;
use crate::support::postgres;
use crate::support::process::Serving;
use crate::support::wait_until_synced;

/// Only PostgreSQL can stop to answer: SQLite's file is read by the node itself.
#[test]
fn an_edge_gives_no_older_answers_than_its_own_settings_allow() {
    let cluster = postgres::private();
    let database = TestDatabase::of(&cluster);
    let jeton = migrated(&database).env("JETON_STALE_IF_ERROR", "5m").env("JETON_DATABASE_TIMEOUT", "1s");
    let (client, own) = (create_client(&jeton, "billing"), create_client(&jeton, "edge"));
    let node = jeton.serve();
    let of = |upstream: &Serving| edge_of(&[&url(upstream)], &own);
    let strict = of(&node).edge();
    let lenient = of(&node).env("JETON_STALE_IF_ERROR", "5m").edge();
    let [strict_far, lenient_far] = [of(&lenient).edge(), of(&lenient).env("JETON_STALE_IF_ERROR", "5m").edge()];
    create_user(&jeton, "alice", &[]);
    let key = login(&node, "alice");
    for edge in [&strict, &lenient, &strict_far, &lenient_far] {
        wait_until_synced(edge.addr);
        wait_until_cached(edge, &client, &key);
    }
    cluster.freeze();
    let cut = Instant::now();
    for edge in [&strict, &strict_far] {
        eventually("a refusal", RECOVERY, || {
            let sent = Instant::now();
            // The first one needs the token only, the second one only the client: its token cannot be a key.
            let answers = [verify(edge, &key), introspect(edge, &client, "\u{1}"), introspect(edge, &client, &key)];
            for answer in &answers {
                assert!(answer.status == 503 || sent < cut + BOUND, "{answer:?} {:?} after the cut", sent - cut);
            }
            (answers.iter().all(|answer| answer.status == 503) && cut.elapsed() > BOUND * 5).then_some(())
        });
    }
    for edge in [&node, &lenient, &lenient_far] {
        assert_eq!(introspect(edge, &client, &key).json()["active"], true);
    }
    cluster.thaw();
    for edge in [&strict, &strict_far] {
        eventually("an answer", RECOVERY, || (introspect(edge, &client, &key).status == 200).then_some(()));
    }
}

/// While nobody answers, an edge with `JETON_STALE_IF_ERROR` goes on from memory, but not past a token's end.
#[test]
fn a_token_that_ends_while_the_upstream_is_gone_is_not_active_afterwards() {
    let chain = Chain::start(Kind::Sqlite);
    let stale = |by| edge_of(&[&url(&chain.node)], &chain.own).env("JETON_STALE_IF_ERROR", "5m").ahead(by).edge();
    let edges = [-3 * 3600, 3 * 3600].map(stale);
    let (lasting, _) = chain.user("alice", &[]);
    let ask = |edge: &Serving, key: &str| introspect(edge, &chain.client, key);
    let token = ["token", "create", "alice", "--name", "short", "--expires-in", "9s"];
    let key = key_in(&done(&chain.jeton, &token), "alice");
    let created = Instant::now();
    for edge in &edges {
        wait_until_synced(edge.addr);
        assert_eq!([ask(edge, &lasting).status, ask(edge, &key).status], [200; 2]);
    }
    chain.node.signal("STOP");
    for edge in &edges {
        eventually("the end of the token", RECOVERY, || {
            let sent = Instant::now();
            let status = ask(edge, &key).status;
            assert!(status != 200 || sent < created + Duration::from_secs(9), "{:?}", sent - created);
            (status == 503).then_some(())
        });
    }
    for edge in &edges {
        assert_eq!(ask(edge, &lasting).json()["active"], true);
    }
}
