//! Links that are cut, upstreams that stop and hang, and starts without one.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::{BOUND, Chain, RECOVERY, edge_of, introspect, ready, url, verify, wait_until_cached};
use crate::commands::done;
use crate::support::app::Kind;
use crate::support::eventually;
use crate::support::http::Request;
use crate::support::process::Serving;

/// Until the bound is over an edge answers from memory, and then nobody gets an answer. It recovers by itself, and knows
/// what has changed meanwhile.
#[test]
fn without_its_upstream_an_edge_refuses_after_the_bound_and_recovers() {
    let chain = Chain::start(Kind::Sqlite);
    let (key, _) = chain.user("alice", &[]);
    chain.wait_until_cached(&key);
    chain.node.signal("STOP");
    let cut = Instant::now();
    for edge in chain.edges() {
        eventually("a refusal", RECOVERY, || {
            let sent = Instant::now();
            let answer = introspect(edge, &chain.client, &key);
            match answer.status {
                200 => assert!(sent < cut + BOUND, "an answer from memory {:?} after the cut", sent - cut),
                503 => {
                    assert_eq!(answer.json()["error"], "temporarily_unavailable");
                    assert_eq!(answer.header("retry-after").as_deref(), Some("1"));
                    return Some(());
                }
                other => panic!("{other}"),
            }
            None
        });
        assert_eq!(verify(edge, &key).status, 503);
        eventually("not ready", RECOVERY, || (ready(edge).status == 503).then_some(()));
        // Nobody waits for an upstream that is known to be down.
        eventually("a refusal at once", RECOVERY, || {
            let asked = Instant::now();
            assert_eq!(introspect(edge, &chain.client, &key).status, 503);
            (asked.elapsed() < Duration::from_millis(300)).then_some(())
        });
    }
    chain.node.signal("CONT");
    for edge in chain.edges() {
        eventually("an answer", RECOVERY, || {
            (ready(edge).status == 200 && introspect(edge, &chain.client, &key).status == 200).then_some(())
        });
    }
    chain.wait_until_cached(&key);
    // What is revoked while the link is cut is not active when it is back.
    chain.edge.signal("STOP");
    done(&chain.jeton, &["token", "revoke", "--yes", "--user", "alice"]);
    let revoked = Instant::now();
    std::thread::sleep(BOUND);
    chain.edge.signal("CONT");
    for edge in chain.edges() {
        eventually("the revocation", RECOVERY, || {
            let sent = Instant::now();
            let answer = introspect(edge, &chain.client, &key);
            let is_active = answer.status == 200 && answer.json()["active"] == true;
            assert!(!is_active || sent < revoked + BOUND);
            (answer.status == 200 && !is_active).then_some(())
        });
    }
}

#[test]
fn an_edge_starts_without_an_upstream() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = free.local_addr().unwrap();
    drop(free);
    let database = crate::support::app::TestDatabase::migrated(Kind::Sqlite);
    let jeton = crate::commands::migrated(&database).env("JETON_LISTEN", addr.to_string());
    let (client, own) =
        (crate::commands::create_client(&jeton, "billing"), crate::commands::create_client(&jeton, "edge"));
    let edge = edge_of(&[&format!("http://{addr}")], &own).edge();
    assert_eq!((introspect(&edge, &client, "x").status, ready(&edge).status), (503, 503));
    assert_eq!(Request::new("GET", "/healthz").send(edge.addr).status, 200);
    let _node = jeton.serve();
    eventually("an answer", RECOVERY, || (introspect(&edge, &client, "x").status == 200).then_some(()));
    eventually("ready", RECOVERY, || (ready(&edge).status == 200).then_some(()));
}

/// One that is dead, one that hangs, or both: the edge finds the one that answers. Its cursor is good there.
#[test]
fn another_upstream_is_asked_when_one_dies_or_hangs() {
    let chain = Chain::start(Kind::Postgres);
    let second = chain.jeton.serve();
    let dead = "http://127.0.0.1:1";
    let edge = edge_of(&[dead, &url(&chain.node), &url(&second)], &chain.own).edge();
    let (key, _) = chain.user("alice", &[]);
    eventually("an answer", RECOVERY, || (introspect(&edge, &chain.client, &key).status == 200).then_some(()));
    wait_until_cached(&edge, &chain.client, &key);
    for (stopped, answers) in [(&chain.node, &second), (&second, &chain.node)] {
        stopped.signal("STOP");
        eventually("the other one's answer", RECOVERY, || {
            (introspect(&edge, &chain.client, "unknown").status == 200).then_some(())
        });
        wait_until_cached(&edge, &chain.client, &key);
        // A change at the other one is followed.
        let (login, named) = chain_user(&chain, answers);
        wait_until_cached(&edge, &chain.client, &named);
        done(&chain.jeton, &["token", "revoke", "--yes", "--user", &login]);
        let revoked = Instant::now();
        eventually("the revocation", RECOVERY, || {
            let sent = Instant::now();
            let is_active = introspect(&edge, &chain.client, &named).json()["active"] == true;
            assert!(!is_active || sent < revoked + BOUND);
            (!is_active).then_some(())
        });
        stopped.signal("CONT");
    }
}

/// A user with a named token, while only this node runs: their name, and the key.
fn chain_user(chain: &Chain, node: &Serving) -> (String, String) {
    let name = format!("user{}", node.addr.port());
    crate::commands::create_user(&chain.jeton, &name, &[]);
    let printed = done(&chain.jeton, &["token", "create", &name, "--name", "ci"]);
    (name.clone(), crate::commands::key_in(&printed, &name))
}

/// The edge's own secret may be replaced while it runs: its file is read again.
#[test]
fn an_edge_whose_own_secret_is_refused_answers_nobody_until_it_has_the_new_one() {
    let chain = Chain::start(Kind::Sqlite);
    let jeton = edge_of(&[&url(&chain.node)], &("edge".into(), String::new()));
    let file = jeton.dir.path().join("secret");
    std::fs::write(&file, &chain.own.1).unwrap();
    let edge = jeton.env("JETON_UPSTREAM_CLIENT_SECRET_FILE", file.to_str().unwrap());
    let edge = edge.edge();
    eventually("an answer", RECOVERY, || (introspect(&edge, &chain.client, "x").status == 200).then_some(()));
    let new = done(&chain.jeton, &["client", "rotate", "edge"]);
    eventually("a refusal", RECOVERY, || (introspect(&edge, &chain.client, "x").status == 503).then_some(()));
    eventually("why", RECOVERY, || edge.stderr().contains("refuses the credentials of this edge").then_some(()));
    eventually("the same from /readyz", RECOVERY, || {
        (ready(&edge).json()["detail"] == "The upstream refuses the credentials of this edge.").then_some(())
    });
    assert!(!edge.stderr().contains("database"), "{}", edge.stderr());
    std::fs::write(&file, new.trim()).unwrap();
    edge.signal("HUP");
    eventually("an answer", RECOVERY, || (introspect(&edge, &chain.client, "x").status == 200).then_some(()));
}

/// Its requests have timed out meanwhile, and its upstream was never down.
#[test]
fn an_edge_that_was_stopped_for_a_while_answers_at_once() {
    let chain = Chain::start(Kind::Sqlite);
    let (key, _) = chain.user("alice", &[]);
    wait_until_cached(&chain.edge, &chain.client, &key);
    for _ in 0..3 {
        chain.edge.signal("STOP");
        std::thread::sleep(BOUND * 3 / 2);
        chain.edge.signal("CONT");
        let since = Instant::now();
        while since.elapsed() < BOUND {
            let answer = introspect(&chain.edge, &chain.client, &key);
            assert_eq!(answer.status, 200, "{:?} after the pause", since.elapsed());
        }
    }
}
