//! Everything that can break.

use std::time::{Duration, Instant};

use super::{BOUND, Nodes, RECOVERY, WATCH};
use crate::commands::done;

/// What the connections that read the change log last ran.
const READS: &str = "from changes|pg_notify";

/// Ends the connections whose last statement was such a one.
fn kill(nodes: &Nodes, statement: &str) -> String {
    nodes.database.sql(&format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity \
         where datname = current_database() and pid <> pg_backend_pid() and query ~ '{statement}'"
    ))
}

#[test]
fn a_change_beside_killed_listeners_is_seen_within_the_bound() {
    let nodes = Nodes::start();
    let connections =
        [("the listening connections", "^listen", "2"), ("those that read changes", READS, "2"), ("all", "", "")];
    for (round, (what, statement, count)) in connections.into_iter().cycle().take(6).enumerate() {
        let name = format!("u{round}");
        let (login, named) = nodes.user(&name);
        let what = format!("{what} killed");
        let mut killed = Instant::now();
        nodes.longest_since(&what, &login, |nodes| {
            let ended = kill(nodes, statement);
            assert!(ended == count || count.is_empty(), "{ended} of {what}");
            done(&nodes.jeton, &["token", "create", "-r", &name]);
            let changed = Instant::now();
            if round % 2 == 0 {
                kill(nodes, statement);
            }
            killed = Instant::now();
            changed
        });
        nodes.back_to_normal(&what, Instant::now(), &named);
        assert!(killed.elapsed() < BOUND + WATCH + RECOVERY);
    }
}

#[test]
fn nodes_are_back_to_normal_soon_after_their_listeners_were_killed() {
    let nodes = Nodes::start();
    let (login, _) = nodes.user("a");
    let asked = nodes.asked(&login);
    for (what, statement) in
        [("listening connections", "^listen"), ("reading connections", READS), ("all connections", "")]
    {
        nodes.hot();
        kill(&nodes, statement);
        nodes.back_to_normal(&format!("{what} killed"), Instant::now(), &login);
    }
    drop(asked);
}

#[test]
fn a_change_while_a_node_is_stopped_is_seen_by_its_first_answer_after() {
    let nodes = Nodes::start();
    let (login, named) = nodes.user("a");
    let mut woken = Instant::now();
    nodes.longest_since("a node stopped for 3 s", &login, |nodes| {
        nodes.both[1].signal("STOP");
        done(&nodes.jeton, &["token", "create", "-r", "a"]);
        let changed = Instant::now();
        // Three times the bound, in which it hears nothing and its proof ages.
        std::thread::sleep(Duration::from_secs(3));
        nodes.both[1].signal("CONT");
        woken = Instant::now();
        changed
    });
    assert!(woken.elapsed() < RECOVERY);
    let asked = nodes.asked(&named);
    nodes.hot();
    nodes.both[1].signal("STOP");
    std::thread::sleep(Duration::from_secs(3));
    nodes.both[1].signal("CONT");
    nodes.back_to_normal("a node stopped for 3 s", Instant::now(), &named);
    drop(asked);
}

#[test]
fn a_restart_of_postgresql_with_a_change_before_anybody_listens_again() {
    let nodes = Nodes::start();
    let (login, named) = nodes.user("a");
    let end =
        |login: bool| format!("update tokens set revoked_at = now(), sealed = null where (name is null) = {login}");
    nodes.longest_after("PostgreSQL restarts, then a change", &login, |nodes| {
        nodes.cluster().restart();
        nodes.database.sql(&end(true));
    });
    nodes.longest_since("a change, then PostgreSQL restarts", &named, |nodes| {
        nodes.database.sql(&end(false));
        let changed = Instant::now();
        nodes.cluster().restart();
        changed
    });
    let (login, _) = nodes.user("b");
    let asked = nodes.asked(&login);
    nodes.hot();
    nodes.cluster().restart();
    nodes.back_to_normal("PostgreSQL restarts", Instant::now(), &login);
    drop(asked);
}

#[test]
fn while_postgresql_is_frozen_the_cache_answers_for_the_bound_and_no_longer() {
    let nodes = Nodes::start();
    let (login, _) = nodes.user("a");
    let asked = nodes.asked(&login);
    nodes.hot();
    nodes.cluster().freeze();
    let frozen = Instant::now();
    std::thread::sleep(BOUND + WATCH);
    for one in &asked {
        let answers = one.answers_since(frozen);
        let last = answers.last().map(|(sent, _)| *sent - frozen).expect("within the bound the cache is enough");
        eprintln!("freshness: PostgreSQL freezes: the last answer went to a request {last:.0?} later");
        assert!(last < BOUND, "past the bound there is no proof: {last:?}");
    }
    nodes.cluster().thaw();
    nodes.back_to_normal("PostgreSQL thaws", Instant::now(), &login);
    drop(asked);
    nodes.longest_after("a change after a freeze", &login, |nodes| {
        done(&nodes.jeton, &["token", "create", "-r", "a"]);
    });
}
