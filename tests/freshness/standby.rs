//! A synchronous standby that is gone: commits wait for it, and the caches answer all the same.

use std::time::{Duration, Instant};

use super::{BOUND, Nodes, RECOVERY, metric};
use crate::commands::done;
use crate::support::app::TestDatabase;
use crate::support::http::Request;
use crate::support::postgres;
use crate::support::{eventually, wait_until_synced};

#[test]
fn while_commits_wait_for_a_synchronous_standby_that_is_gone_the_caches_answer() {
    let primary = postgres::private_with(&["synchronous_commit=on"]);
    let database = TestDatabase::of(&primary);
    let standby = primary.standby();
    let url = database.url.clone();
    let nodes = Nodes::at(primary, database, &url);
    let (login, named) = nodes.user("a");
    nodes.cluster().sql("alter system set synchronous_standby_names = '*'");
    nodes.cluster().sql("select pg_reload_conf()");
    eventually("a synchronous standby", Duration::from_secs(20), || {
        (nodes.cluster().sql("select string_agg(sync_state, '') from pg_stat_replication") == "sync").then_some(())
    });
    done(&nodes.jeton, &["token", "create", "a", "--name", "commits are confirmed"]);
    let asked = nodes.ask_continuously(&named);
    nodes.wait_until_cached();

    standby.stop_fast();
    let gone = Instant::now();
    let ask = |token: &str, node: usize| {
        let request = Request::new("POST", "/introspect").basic(&nodes.client.0, &nodes.client.1);
        request.form(&[("token", token)]).send(nodes.both[node].addr)
    };
    for number in 0..3 {
        // Its commit waits, and so does nobody else: not the hint after it, and not the usage of tokens.
        let revoke = Request::new("POST", "/revoke").basic(&nodes.client.0, &nodes.client.1);
        let status = revoke.form(&[("token", &login)]).send(nodes.both[number % 2].addr).status;
        assert_eq!(status, 503, "whether it was revoked is not known");
        std::thread::sleep(BOUND);
        for node in 0..2 {
            assert_eq!(ask(&"0".repeat(40), node).json()["active"], false, "what is not cached is looked up");
        }
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

    // The standby comes back, and the commit is done.
    standby.start();
    for node in 0..2 {
        eventually("the revocation", BOUND + RECOVERY, || (ask(&login, node).json()["active"] == false).then_some(()));
    }
}
