//! `jeton edge`: real edges before real nodes, and an edge of an edge.

mod balancer;
mod clocks;
mod equal;
mod failures;
mod followers;
mod fresh;
mod limits;
mod listens;
mod slow;
mod stale;
mod two_databases;
mod used_by;

use std::time::Duration;

use crate::commands::{create_client, create_user, done, key_in, login, migrated};
use crate::support::app::{Kind, TestDatabase};
use crate::support::http::{Answer, Request};
use crate::support::process::{Jeton, Serving};
use crate::support::{eventually, wait_until_synced};

/// `JETON_REVOCATION_BOUND`, its default.
const BOUND: Duration = Duration::from_secs(1);
/// How long recovering from any fault may take, on a busy machine.
const RECOVERY: Duration = Duration::from_secs(15);

/// A node, an edge of it, and an edge of that edge. Both edges are the client `edge`; `client` is a service's.
struct Chain {
    far: Serving,
    edge: Serving,
    node: Serving,
    jeton: Jeton,
    client: (String, String),
    own: (String, String),
    database: TestDatabase,
}

impl Chain {
    fn start(kind: Kind) -> Self {
        Self::on(TestDatabase::migrated(kind))
    }

    fn on(database: TestDatabase) -> Self {
        let jeton = migrated(&database);
        let (client, own) = (create_client(&jeton, "billing"), create_client(&jeton, "edge"));
        let node = jeton.serve();
        let edge = edge_of(&[&url(&node)], &own).edge();
        let far = edge_of(&[&url(&edge)], &own).edge();
        let chain = Self { far, edge, node, jeton, client, own, database };
        chain.wait_until_synced();
        chain
    }

    fn all(&self) -> [&Serving; 3] {
        [&self.node, &self.edge, &self.far]
    }

    fn edges(&self) -> [&Serving; 2] {
        [&self.edge, &self.far]
    }

    /// Waits until all have received every change that was made before this call.
    #[track_caller]
    fn wait_until_synced(&self) {
        self.all().iter().for_each(|server| wait_until_synced(server.addr));
    }

    /// A user with a login token and a named one.
    fn user(&self, name: &str, flags: &[&str]) -> (String, String) {
        create_user(&self.jeton, name, flags);
        let token = ["token", "create", name, "--name", "ci", "--scope", "reports:read"];
        let named = key_in(&done(&self.jeton, &token), name);
        (login(&self.node, name), named)
    }

    fn introspect(&self, server: &Serving, token: &str) -> Answer {
        introspect(server, &self.client, token)
    }

    /// Asks both edges until they answer this token from memory.
    #[track_caller]
    fn wait_until_cached(&self, token: &str) {
        for edge in self.edges() {
            wait_until_cached(edge, &self.client, token);
        }
    }
}

fn url(server: &Serving) -> String {
    format!("http://{}", server.addr)
}

/// An edge of these, not started yet.
fn edge_of(urls: &[&str], own: &(String, String)) -> Jeton {
    Jeton::new()
        .env("JETON_UPSTREAM", urls.join(","))
        .env("JETON_UPSTREAM_CLIENT_ID", &own.0)
        .env("JETON_UPSTREAM_CLIENT_SECRET", &own.1)
        .env("JETON_WORKERS", "1")
}

fn introspect(server: &Serving, client: &(String, String), token: &str) -> Answer {
    Request::new("POST", "/introspect").basic(&client.0, &client.1).form(&[("token", token)]).send(server.addr)
}

fn verify(server: &Serving, token: &str) -> Answer {
    Request::new("GET", "/auth/verify").token(token).send(server.addr)
}

fn ready(server: &Serving) -> Answer {
    Request::new("GET", "/readyz").send(server.addr)
}

/// A number of `/metrics`.
#[track_caller]
fn metric(server: &Serving, name: &str) -> f64 {
    let text = Request::new("GET", "/metrics").send(server.addr).text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name} is counted")).parse().unwrap()
}

/// The sum of all lines of a metric that have this label.
#[track_caller]
fn metric_sum(server: &Serving, name: &str, label: &str) -> f64 {
    let text = Request::new("GET", "/metrics").send(server.addr).text();
    let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

#[track_caller]
fn wait_until_cached(edge: &Serving, client: &(String, String), token: &str) {
    eventually("an answer from memory", RECOVERY, || {
        let before = metric(edge, "jeton_cache_hits_total");
        assert_eq!(introspect(edge, client, token).status, 200);
        (metric(edge, "jeton_cache_hits_total") > before).then_some(())
    });
}
