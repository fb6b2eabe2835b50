//! A synchronous standby that is gone: commits wait for it, and the caches answer all the same.

use std::time::{Duration, Instant};

use super::{BOUND, Nodes, RECOVERY, metric};
use crate::commands::{done, key_in};
use crate::support::app::TestDatabase;
use crate::support::http::Request;
use crate::support::postgres::{self, Cluster};
use crate::support::process::Jeton;
use crate::support::{eventually, wait_until_synced};

/// A synchronous standby, and two nodes with so many connections each. There is a user `a`. The standby must be dropped last:
/// the end of a database is a commit, too.
fn with_standby(connections: &str) -> (Cluster, Nodes) {
    let primary = postgres::private_with(&["synchronous_commit=on"]);
    let database = TestDatabase::of(&primary);
    let standby = primary.standby();
    let url = database.url.clone();
    let mut nodes = Nodes::at(primary, database, &url);
    nodes.user("a");
    let jeton = std::mem::replace(&mut nodes.jeton, Jeton::new());
    // The default time-out is longer than the bound: nobody who waits for the standby may read the change log.
    nodes.jeton = jeton.env("JETON_DATABASE_POOL", connections).env("JETON_DATABASE_TIMEOUT", "2s");
    nodes.both = [(); 2].map(|()| nodes.jeton.serve());
    nodes.cluster().sql("alter system set synchronous_standby_names = '*'");
    nodes.cluster().sql("select pg_reload_conf()");
    eventually("a synchronous standby", Duration::from_secs(20), || {
        (nodes.cluster().sql("select string_agg(sync_state, '') from pg_stat_replication") == "sync").then_some(())
    });
    (standby, nodes)
}

/// A new named token of the user.
fn token(nodes: &Nodes) -> String {
    key_in(&done(&nodes.jeton, &["token", "create", "a", "--name", "x"]), "a")
}

/// A commit that waits has the only connection for writes. What needs no standby is written all the same: else a token's
/// sliding expiry would move at one node only.
#[test]
fn the_last_use_of_tokens_is_written_while_a_commit_waits_for_a_standby_that_is_gone() {
    let (standby, nodes) = with_standby("3");
    let [revoked, used] = [(); 2].map(|()| token(&nodes));
    wait_until_synced(nodes.both[0].addr);
    standby.stop_fast();
    let by_client = |path: &str, token: &str| {
        let request = Request::new("POST", path).basic(&nodes.client.0, &nodes.client.1);
        request.form(&[("token", token)]).send(nodes.both[0].addr)
    };
    assert_eq!(by_client("/revoke", &revoked).status, 503, "whether it was revoked is not known");
    assert_eq!(by_client("/introspect", &used).json()["active"], true);
    assert_eq!(by_client("/introspect", &"0".repeat(40)).json()["active"], false);
    let uses = "select count(last_used_at) from tokens where name = 'x'";
    eventually("the use", RECOVERY, || (nodes.database.sql(uses) == "1").then_some(()));
    standby.start();
}

#[test]
fn while_commits_wait_for_a_synchronous_standby_that_is_gone_the_caches_answer() {
    let (standby, nodes) = with_standby("4");
    let named = token(&nodes);
    // As many as would take every connection of both nodes.
    let revoked = [(); 8].map(|()| token(&nodes));
    let asked = nodes.ask_continuously(&named);
    nodes.wait_until_cached();

    standby.stop_fast();
    let gone = Instant::now();
    let ask = |token: &str, node: usize| {
        let request = Request::new("POST", "/introspect").basic(&nodes.client.0, &nodes.client.1);
        request.form(&[("token", token)]).send(nodes.both[node].addr)
    };
    for (number, token) in revoked.iter().enumerate() {
        let revoke = Request::new("POST", "/revoke").basic(&nodes.client.0, &nodes.client.1);
        let status = revoke.form(&[("token", token)]).send(nodes.both[number % 2].addr).status;
        assert_eq!(status, 503, "whether it was revoked is not known");
    }
    std::thread::sleep(BOUND);
    for node in 0..2 {
        assert_eq!(ask(&"0".repeat(40), node).json()["active"], false, "what is not cached is looked up");
    }
    for node in &nodes.both {
        wait_until_synced(node.addr);
        assert!(metric(node, "jeton_cache_proof_age_seconds") < BOUND.as_secs_f64());
        assert!(!node.stderr().contains("the cache is off"), "{}", node.stderr());
    }
    nodes.wait_until_cached();
    for one in &asked {
        assert!(one.answers_since(gone).iter().all(|(_, text)| text.contains("\"active\":true")));
    }
    drop(asked);

    // The standby comes back, and the commits that waited are done.
    standby.start();
    for token in &revoked[..2] {
        for node in 0..2 {
            eventually("the revocation", BOUND + RECOVERY, || {
                (ask(token, node).json()["active"] == false).then_some(())
            });
        }
    }
}
