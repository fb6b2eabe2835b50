//! Everything that can break.

use std::time::Duration;

use super::{Nodes, RECOVERY, WATCH};
use crate::commands::done;

/// Ends the connections that listen, again and again for a while.
const KILL: &str = "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like '%pg_notify%' and pid <> pg_backend_pid()";

#[test]
fn a_change_beside_killed_listeners_is_seen_within_the_bound() {
    let nodes = Nodes::start();
    for round in 0..4 {
        let name = format!("u{round}");
        let (login, _) = nodes.user(&name);
        nodes.longest_after(&login, |nodes| {
            assert_eq!(nodes.database.sql(KILL), "2", "one a node");
            done(&nodes.jeton, &["token", "create", "-r", &name]);
            if round % 2 == 0 {
                nodes.database.sql(KILL);
            }
        });
        let (_, again) = nodes.user(&format!("v{round}"));
        let asked = nodes.both.each_ref().map(|node| super::Asked::start(node.addr, &nodes.client, &again));
        nodes.hot(RECOVERY);
        drop(asked);
    }
}

#[test]
fn a_change_while_a_node_is_stopped_is_seen_by_its_first_answer_after() {
    let nodes = Nodes::start();
    let (login, _) = nodes.user("a");
    nodes.longest_after(&login, |nodes| {
        nodes.both[1].signal("STOP");
        done(&nodes.jeton, &["token", "create", "-r", "a"]);
        // Three times the bound, in which it hears nothing and its proof ages.
        std::thread::sleep(Duration::from_secs(3));
        nodes.both[1].signal("CONT");
    });
    let (login, _) = nodes.user("b");
    let asked = nodes.both.each_ref().map(|node| super::Asked::start(node.addr, &nodes.client, &login));
    nodes.hot(RECOVERY);
    drop(asked);
}

#[test]
fn a_restart_of_postgresql_with_a_change_before_anybody_listens_again() {
    let nodes = Nodes::start();
    let (login, named) = nodes.user("a");
    nodes.longest_after(&login, |nodes| {
        nodes.cluster.restart();
        nodes.database.sql("update tokens set revoked_at = now(), sealed = null where name is null");
    });
    nodes.longest_after(&named, |nodes| {
        nodes.database.sql("update tokens set revoked_at = now() where name is not null");
        nodes.cluster.restart();
    });
}

#[test]
fn while_postgresql_is_frozen_the_cache_answers_for_the_bound_and_no_longer() {
    let nodes = Nodes::start();
    let (login, _) = nodes.user("a");
    let asked = nodes.both.each_ref().map(|node| super::Asked::start(node.addr, &nodes.client, &login));
    nodes.hot(RECOVERY);
    nodes.cluster.freeze();
    let frozen = std::time::Instant::now();
    std::thread::sleep(super::BOUND + WATCH);
    for one in &asked {
        assert!(!one.answers_since(frozen).is_empty(), "within the bound the cache is enough");
        assert!(one.answers_since(frozen + super::BOUND).is_empty(), "past it there is no proof");
    }
    nodes.cluster.thaw();
    nodes.hot(RECOVERY);
    drop(asked);
    nodes.longest_after(&login, |nodes| drop(done(&nodes.jeton, &["token", "create", "-r", "a"])));
}
