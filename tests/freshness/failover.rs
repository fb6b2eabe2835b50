//! A primary and its standby, both in `DATABASE_URL`.

use std::time::{Duration, Instant};

use super::{Nodes, RECOVERY};
use crate::commands::done;
use crate::support::app::TestDatabase;
use crate::support::eventually;
use crate::support::postgres::{self, Cluster};

/// Nodes that know a primary and a standby, in this order.
fn nodes() -> (Nodes, Cluster) {
    let primary = postgres::private();
    let database = TestDatabase::of(&primary);
    let standby = primary.standby();
    let url = database.url.replacen(&primary.host(), &format!("{},{}", primary.host(), standby.host()), 1);
    (Nodes::at(primary, database, &url), standby)
}

/// A standby answers with what it has replayed, which may be an hour old; and a listener there receives no change.
#[test]
fn a_standby_is_not_asked_while_the_primary_is_away_and_not_after() {
    let (nodes, standby) = nodes();
    let (login, named) = nodes.user("a");
    standby.follow(nodes.cluster());
    standby.sql("select pg_wal_replay_pause()");
    let asked = nodes.asked(&login);
    nodes.hot();
    nodes.cluster().stop_fast();
    // Long enough for every connection that broke to be opened anew, to whichever server takes it.
    std::thread::sleep(Duration::from_secs(2));
    nodes.cluster().start();
    nodes.back_to_normal("a primary goes and comes back, its standby stays behind", Instant::now(), &login);
    drop(asked);
    nodes.longest_after("regenerate, beside a standby that stays behind", &login, |nodes| {
        done(&nodes.jeton, &["token", "create", "-r", "a"]);
    });
    nodes.longest_after("deactivate, beside a standby that stays behind", &named, |nodes| {
        done(&nodes.jeton, &["user", "deactivate", "a"]);
    });
}

#[test]
fn a_standby_that_becomes_the_primary_is_found() {
    let (nodes, standby) = nodes();
    let (login, named) = nodes.user("a");
    standby.follow(nodes.cluster());
    nodes.longest_since("a change, then the standby takes over", &login, |nodes| {
        done(&nodes.jeton, &["token", "create", "-r", "a"]);
        let changed = Instant::now();
        nodes.cluster().stop_fast();
        standby.sql("select pg_promote()");
        changed
    });
    nodes.back_to_normal("a standby takes over", Instant::now(), &named);
    nodes.longest_after("a change after a standby took over", &named, |nodes| {
        done(&nodes.jeton, &["user", "deactivate", "a"]);
    });
    eventually("a primary", RECOVERY, || (standby.sql("select pg_is_in_recovery()") == "f").then_some(()));
}
