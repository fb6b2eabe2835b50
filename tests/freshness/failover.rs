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

/// A standby answers with what it has replayed, which may be old. A listener on a standby receives no change.
#[test]
fn a_standby_is_not_queried_during_or_after_an_outage_of_the_primary() {
    let (nodes, standby) = nodes();
    let (login, named) = nodes.user("a");
    standby.follow(nodes.cluster());
    standby.sql("select pg_wal_replay_pause()");
    let asked = nodes.ask_continuously(&login);
    nodes.wait_until_cached();
    nodes.cluster().stop_fast();
    // Long enough for every broken connection to be reopened, to whichever server accepts it.
    std::thread::sleep(Duration::from_secs(2));
    nodes.cluster().start();
    nodes.assert_back_to_normal("a primary goes and comes back, its standby stays behind", Instant::now(), &login);
    drop(asked);
    nodes.assert_seen_after("regenerate, beside a standby that stays behind", &login, |nodes| {
        done(&nodes.jeton, &["token", "create", "-r", "a"]);
    });
    nodes.assert_seen_after("deactivate, beside a standby that stays behind", &named, |nodes| {
        done(&nodes.jeton, &["user", "deactivate", "a"]);
    });
}

#[test]
fn a_standby_that_becomes_the_primary_is_found() {
    let (nodes, standby) = nodes();
    let (login, named) = nodes.user("a");
    standby.follow(nodes.cluster());
    nodes.assert_seen_since("a change, then the standby takes over", &login, |nodes| {
        done(&nodes.jeton, &["token", "create", "-r", "a"]);
        let changed = Instant::now();
        nodes.cluster().stop_fast();
        standby.sql("select pg_promote()");
        changed
    });
    nodes.assert_back_to_normal("a standby takes over", Instant::now(), &named);
    nodes.assert_seen_after("a change after a standby took over", &named, |nodes| {
        done(&nodes.jeton, &["user", "deactivate", "a"]);
    });
    eventually("a primary", RECOVERY, || (standby.sql("select pg_is_in_recovery()") == "f").then_some(()));
}
