//! Another server takes over: behind a transaction pooler, and while the old primary is frozen.

use std::time::{Duration, Instant};

use super::moved::{self, name_of, promote};
use super::poolers::{Pooler, two_behind};
use super::{Nodes, RECOVERY};
use crate::commands::done;
use crate::support::eventually;
use crate::support::postgres::Cluster;

/// Nodes behind a transaction pooler, and a standby of its server.
fn behind_a_pooler() -> (Nodes, Pooler, Cluster) {
    let mut nodes = Nodes::start();
    let standby = nodes.cluster().standby();
    // The pooler must not wait for 15 s after a failed connection.
    let pooler = Pooler::start(&nodes.database.url, "pool_mode=transaction\nserver_login_retry=1");
    two_behind(&pooler, &mut nodes);
    (nodes, pooler, standby)
}

/// The nodes' connections to the pooler stay open. Only the timeline tells that another server answers.
#[test]
fn a_failover_is_noticed_through_a_transaction_pooler() {
    let (nodes, pooler, standby) = behind_a_pooler();
    let (login, named) = nodes.user("a");
    standby.follow(nodes.cluster());
    let cursors = [0, 1].map(|node| nodes.cursor(node));
    nodes.assert_seen_since("a change, then a failover behind a pooler", &login, |nodes| {
        done(&nodes.jeton, &["token", "create", "-r", "a"]);
        let changed = Instant::now();
        nodes.cluster().stop_fast();
        promote(&standby);
        pooler.point_to(&standby);
        changed
    });
    nodes.assert_back_to_normal("a failover behind a pooler", Instant::now(), &named);
    for (node, cursor) in cursors.iter().enumerate() {
        assert_eq!(nodes.changes(node, cursor)["reset"], true, "transaction ids mean something else now");
    }
    nodes.assert_seen_after("a change after a failover behind a pooler", &named, |nodes| {
        done(&nodes.jeton, &["user", "deactivate", "a"]);
    });
}

/// Freezes the primary, promotes the standby, lets `switch` lead the nodes there, and changes a token there.
#[track_caller]
fn assert_left(what: &str, nodes: &Nodes, standby: &Cluster, switch: impl FnOnce()) {
    let (login, named) = nodes.user("a");
    standby.follow(nodes.cluster());
    let cursor = nodes.cursor(0);
    let mut switched = Instant::now();
    nodes.assert_seen_since(what, &login, |nodes| {
        nodes.cluster().freeze();
        promote(standby);
        switch();
        switched = Instant::now();
        standby
            .sql_in(name_of(&nodes.database), "update tokens set revoked_at = now(), sealed = null where name is null");
        Instant::now()
    });
    nodes.assert_back_to_normal(what, Instant::now(), &named);
    eprintln!("freshness: {what}: back to normal {:.1?} after the switch", switched.elapsed());
    assert_eq!(nodes.changes(0, &cursor)["reset"], true);
    eventually("a new login", RECOVERY, || {
        let answer = crate::commands::try_login(&nodes.both[1], "a", crate::commands::PASSWORD);
        (answer.status == 200).then_some(())
    });
    // What the frozen server still says is not believed.
    nodes.cluster().thaw();
    std::thread::sleep(Duration::from_millis(500));
    nodes.assert_seen_after("a change after a thaw of the old primary", &named, |_| {
        let end = "update tokens set revoked_at = now() where name is not null";
        standby.sql_in(name_of(&nodes.database), end);
    });
}

#[test]
fn a_frozen_primary_is_left_when_the_pooler_leads_to_another() {
    let (nodes, pooler, standby) = behind_a_pooler();
    assert_left("the primary freezes, the pooler is switched", &nodes, &standby, || pooler.point_to(&standby));
}

#[test]
fn a_frozen_primary_is_left_when_its_name_leads_to_another() {
    let (nodes, name, standby) = moved::nodes();
    assert_left("the primary freezes, its name moves", &nodes, &standby, || name.point_to(&standby));
}
