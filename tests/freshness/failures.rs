//! Faults of connections, nodes and PostgreSQL: a change is seen within the bound all the same.

use std::time::{Duration, Instant};

use super::asked::Kept;
use super::{BOUND, Nodes, RECOVERY, WATCH};
use crate::commands::done;
use crate::support::wait_until_synced;

/// Matches the last statement of a connection that reads the change log, which ends with a commit when it sends a hint.
/// Some of the pool's connections end with one, too.
const READS: &str = "from changes|^COMMIT";

/// Ends the connections whose last statement matches `statement`, and returns their number.
fn kill(nodes: &Nodes, statement: &str) -> String {
    nodes.database.sql(&format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity \
         where datname = current_database() and pid <> pg_backend_pid() and query ~ '{statement}'"
    ))
}

#[test]
fn a_change_made_while_listeners_are_killed_is_seen_within_the_bound() {
    let nodes = Nodes::start();
    let connections =
        [("the listening connections", "^listen", 2), ("those that read changes", READS, 2), ("all", "", 4)];
    for (round, (what, statement, least)) in connections.into_iter().cycle().take(6).enumerate() {
        let name = format!("u{round}");
        let (login, named) = nodes.user(&name);
        let what = format!("{what} killed");
        let mut killed = Instant::now();
        nodes.assert_seen_since(&what, &login, |nodes| {
            let ended: u32 = kill(nodes, statement).parse().unwrap();
            assert!(ended >= least, "{ended} of {what}");
            done(&nodes.jeton, &["token", "create", "-r", &name]);
            let changed = Instant::now();
            if round % 2 == 0 {
                kill(nodes, statement);
            }
            killed = Instant::now();
            changed
        });
        nodes.assert_back_to_normal(&what, Instant::now(), &named);
        assert!(killed.elapsed() < BOUND + WATCH + RECOVERY);
    }
}

#[test]
fn nodes_are_back_to_normal_soon_after_their_listeners_were_killed() {
    let nodes = Nodes::start();
    let (login, _) = nodes.user("a");
    let asked = nodes.ask_continuously(&login);
    for (what, statement) in
        [("listening connections", "^listen"), ("reading connections", READS), ("all connections", "")]
    {
        nodes.wait_until_cached();
        kill(&nodes, statement);
        nodes.assert_back_to_normal(&format!("{what} killed"), Instant::now(), &login);
    }
    drop(asked);
}

#[test]
fn the_first_answer_of_a_resumed_node_shows_a_change_made_while_it_was_stopped() {
    let nodes = Nodes::start();
    let (login, named) = nodes.user("a");
    let mut woken = Instant::now();
    nodes.assert_seen_since("a node stopped for 3 s", &login, |nodes| {
        nodes.both[1].signal("STOP");
        done(&nodes.jeton, &["token", "create", "-r", "a"]);
        let changed = Instant::now();
        // Three times the bound: the node receives nothing, and its last sync becomes too old.
        std::thread::sleep(Duration::from_secs(3));
        nodes.both[1].signal("CONT");
        woken = Instant::now();
        changed
    });
    assert!(woken.elapsed() < RECOVERY);
    let asked = nodes.ask_continuously(&named);
    nodes.wait_until_cached();
    nodes.both[1].signal("STOP");
    std::thread::sleep(Duration::from_secs(3));
    nodes.both[1].signal("CONT");
    nodes.assert_back_to_normal("a node stopped for 3 s", Instant::now(), &named);
    drop(asked);
}

/// The requests are in the node's sockets when it goes on, so its workers read them before it has received the change.
#[test]
fn a_resumed_node_answers_requests_that_waited_for_it_from_the_database() {
    let nodes = Nodes::start();
    let (login, _) = nodes.user("a");
    let node = &nodes.both[1];
    wait_until_synced(node.addr);
    let mut kept: Vec<Kept> = (0..16).map(|_| Kept::open(node.addr, &nodes.client, &login)).collect();
    for one in &mut kept {
        one.send().unwrap();
        assert!(one.answer().unwrap().1.contains("\"active\":true"));
    }
    node.signal("STOP");
    done(&nodes.jeton, &["token", "create", "-r", "a"]);
    std::thread::sleep(2 * BOUND);
    for one in &kept {
        one.send().unwrap();
    }
    node.signal("CONT");
    let answers: Vec<_> = kept.iter_mut().map(|one| one.answer().unwrap().1).collect();
    assert_eq!(answers, ["{\"active\":false}"; 16]);
}

#[test]
fn a_change_just_before_or_after_a_restart_of_postgresql_is_seen_within_the_bound() {
    let nodes = Nodes::start();
    let (login, named) = nodes.user("a");
    let end =
        |login: bool| format!("update tokens set revoked_at = now(), sealed = null where (name is null) = {login}");
    nodes.assert_seen_after("PostgreSQL restarts, then a change", &login, |nodes| {
        nodes.cluster().restart();
        nodes.database.sql(&end(true));
    });
    nodes.assert_seen_since("a change, then PostgreSQL restarts", &named, |nodes| {
        nodes.database.sql(&end(false));
        let changed = Instant::now();
        nodes.cluster().restart();
        changed
    });
    let (login, _) = nodes.user("b");
    let asked = nodes.ask_continuously(&login);
    nodes.wait_until_cached();
    nodes.cluster().restart();
    nodes.assert_back_to_normal("PostgreSQL restarts", Instant::now(), &login);
    drop(asked);
}

#[test]
fn while_postgresql_is_frozen_the_cache_answers_for_the_bound_and_no_longer() {
    let nodes = Nodes::start();
    let (login, _) = nodes.user("a");
    let asked = nodes.ask_continuously(&login);
    nodes.wait_until_cached();
    nodes.cluster().freeze();
    let frozen = Instant::now();
    std::thread::sleep(BOUND + WATCH);
    for one in &asked {
        let answers = one.answers_since(frozen);
        let last = answers.last().map(|(sent, _)| *sent - frozen).expect("within the bound the cache answers");
        eprintln!("freshness: PostgreSQL freezes: the last answer went to a request {last:.0?} later");
        assert!(last < BOUND, "past the bound the cache must not answer: {last:?}");
    }
    nodes.cluster().thaw();
    nodes.assert_back_to_normal("PostgreSQL thaws", Instant::now(), &login);
    drop(asked);
    nodes.assert_seen_after("a change after a freeze", &login, |nodes| {
        done(&nodes.jeton, &["token", "create", "-r", "a"]);
    });
}
