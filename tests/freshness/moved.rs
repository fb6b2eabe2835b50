//! A host name moves to another server while the old server still runs.

use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Nodes, RECOVERY};
use crate::commands::{PASSWORD, try_login};
use crate::support::app::TestDatabase;
use crate::support::eventually;
use crate::support::http::Request;
use crate::support::postgres::{self, Cluster};

const SOCKET: &str = ".s.PGSQL.5432";

/// A folder with a link to a server's socket. It stands for a host name.
pub struct Name(TempDir);

impl Name {
    fn of(cluster: &Cluster) -> Self {
        let name = Self(TempDir::new_in("/dev/shm").unwrap());
        name.point_to(cluster);
        name
    }

    pub fn point_to(&self, cluster: &Cluster) {
        let (link, new) = (self.0.path().join(SOCKET), self.0.path().join("new"));
        symlink(format!("{}/{SOCKET}", cluster.host().replace("%2F", "/")), &new).unwrap();
        std::fs::rename(new, link).unwrap();
    }

    fn host(&self) -> String {
        self.0.path().display().to_string().replace('/', "%2F")
    }
}

/// Nodes that connect by a name, and a standby that `follow` brings up to date.
pub fn nodes() -> (Nodes, Name, Cluster) {
    let old = postgres::private();
    let database = TestDatabase::of(&old);
    let (name, new) = (Name::of(&old), old.standby());
    let url = database.url.replacen(&old.host(), &name.host(), 1);
    (Nodes::at(old, database, &url), name, new)
}

fn take_over(new: &Cluster, nodes: &Nodes) {
    new.follow(nodes.cluster());
    promote(new);
}

/// Makes a primary of a standby.
pub fn promote(standby: &Cluster) {
    standby.sql("select pg_promote()");
    eventually("a primary", RECOVERY, || (standby.sql("select pg_is_in_recovery()") == "f").then_some(()));
}

pub fn name_of(database: &TestDatabase) -> &str {
    database.url.rsplit_once('/').unwrap().1
}

/// Lookups go to the new server, because their old connections were ended. The listener is still connected to the old one.
#[test]
fn a_change_at_the_new_server_is_seen_by_nodes_that_listen_to_the_old_one() {
    let (nodes, name, new) = nodes();
    let (login, _) = nodes.user("a");
    nodes.assert_seen_since("a name moves, then a change at the new server", &login, |nodes| {
        take_over(&new, nodes);
        name.point_to(&new);
        nodes.database.sql(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'jeton' \
             and datname = current_database() and query !~ 'from changes|pg_notify|^listen'",
        );
        for node in &nodes.both {
            // This token is not cached, so the database is asked.
            let request = Request::new("POST", "/introspect").basic(&nodes.client.0, &nodes.client.1);
            eventually("an answer of the new server", Duration::from_secs(10), || {
                let answer = request.clone().form(&[("token", &"0".repeat(40))]).send(node.addr);
                (answer.status == 200).then_some(())
            });
        }
        new.sql_in(name_of(&nodes.database), "update tokens set revoked_at = now(), sealed = null where name is null");
        Instant::now()
    });
    nodes.assert_back_to_normal("a name moves", Instant::now(), &login);
}

#[test]
fn connections_to_a_server_that_takes_no_more_writes_are_replaced() {
    let (nodes, name, new) = nodes();
    nodes.user("a");
    take_over(&new, &nodes);
    nodes.cluster().sql("alter system set default_transaction_read_only = on");
    nodes.cluster().sql("select pg_reload_conf()");
    name.point_to(&new);
    for node in &nodes.both {
        eventually("a login at the new server", Duration::from_secs(10), || {
            (try_login(node, "a", PASSWORD).status == 200).then_some(())
        });
        let succeeded = (0..20).filter(|_| try_login(node, "a", PASSWORD).status == 200).count();
        assert_eq!(succeeded, 20, "no connection to the old server is left");
    }
}
