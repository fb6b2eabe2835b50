//! No answer is stale past the bound: two nodes over one PostgreSQL keep a token in their caches while it is changed in
//! every way, and while connections, nodes and servers fail. Real processes, real time.
//!
//! `cargo test freshness -- --nocapture` prints how long an old answer was still given, and how long a node took to recover.

mod asked;
mod changes;
mod each_change;
mod failover;
mod failures;
mod followers;
mod hints;
mod moved;
mod poolers;
mod stale;
mod standby;
mod taken_over;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::commands::{create_client, create_user, done, key_in, login, migrated};
use crate::support::app::{Kind, TestDatabase};
use crate::support::http::Request;
use crate::support::postgres::{self, Cluster};
use crate::support::process::{Jeton, Serving};
use crate::support::{eventually, wait_until_synced};
use asked::Asked;

/// `JETON_REVOCATION_BOUND`, its default.
const BOUND: Duration = Duration::from_secs(1);
/// The longest time that a node may take to recover after any fault.
const RECOVERY: Duration = Duration::from_secs(5);
/// How long after the bound the answers are still checked.
const WATCH: Duration = Duration::from_millis(700);

/// Two nodes, and a client that may introspect.
struct Nodes {
    both: [Serving; 2],
    jeton: Jeton,
    client: (String, String),
    database: TestDatabase,
    /// The nodes' own cluster, in tests that stop or freeze it.
    cluster: Option<Cluster>,
}

impl Nodes {
    fn start() -> Self {
        let cluster = postgres::private();
        let database = TestDatabase::of(&cluster);
        let url = database.url.clone();
        Self::at(cluster, database, &url)
    }

    /// Nodes over the cluster that all tests share, for tests that do not disturb it.
    fn on_shared() -> Self {
        let database = TestDatabase::new(Kind::Postgres);
        let url = database.url.clone();
        Self::over(None, database, &url)
    }

    /// Nodes that reach the database by this URL.
    fn at(cluster: Cluster, database: TestDatabase, url: &str) -> Self {
        Self::over(Some(cluster), database, url)
    }

    fn over(cluster: Option<Cluster>, database: TestDatabase, url: &str) -> Self {
        let jeton = migrated(&database).env("JETON_DATABASE_TIMEOUT", "500ms").env("DATABASE_URL", url);
        let client = create_client(&jeton, "billing");
        let both = [(); 2].map(|()| jeton.serve());
        Self { both, jeton, client, database, cluster }
    }

    #[track_caller]
    fn cluster(&self) -> &Cluster {
        self.cluster.as_ref().expect("a cluster of their own")
    }

    /// A user with a login token and a named one.
    fn user(&self, name: &str) -> (String, String) {
        create_user(&self.jeton, name, &[]);
        let named = key_in(&done(&self.jeton, &["token", "create", name, "--name", "ci"]), name);
        (login(&self.both[0], name), named)
    }

    /// The answer of a node's `/changes`.
    #[track_caller]
    fn changes(&self, node: usize, after: &str) -> Value {
        let request = Request::new("GET", &format!("/changes?after={after}")).basic(&self.client.0, &self.client.1);
        let answer = request.send(self.both[node].addr);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// A cursor of a node.
    #[track_caller]
    fn cursor(&self, node: usize) -> String {
        self.changes(node, "")["cursor"].as_str().unwrap().to_owned()
    }

    /// Asks both nodes for a token, again and again, until the result is dropped.
    fn ask_continuously(&self, token: &str) -> [Asked; 2] {
        self.both.each_ref().map(|node| Asked::start(node.addr, &self.client, token))
    }

    /// Waits until both nodes answer from their caches.
    #[track_caller]
    fn wait_until_cached(&self) {
        for node in 0..2 {
            let before = hits(&self.both[node]);
            eventually("answers from the cache", RECOVERY, || (hits(&self.both[node]) > before + 20.0).then_some(()));
        }
    }

    /// Waits until both nodes have synced after `what` and answer from their caches again. Panics if that takes longer than
    /// `RECOVERY` from `since` on.
    #[track_caller]
    fn assert_back_to_normal(&self, what: &str, since: Instant, token: &str) {
        let asked = self.ask_continuously(token);
        for node in &self.both {
            wait_until_synced(node.addr);
        }
        self.wait_until_cached();
        let took = since.elapsed();
        eprintln!("freshness: {what}: recovered after {took:.0?}");
        assert!(took < RECOVERY, "{what}: recovered after {took:?}");
        drop(asked);
    }

    /// As [`Nodes::assert_seen_since`], for a change that is done when `change` returns.
    #[track_caller]
    fn assert_seen_after(&self, what: &str, token: &str, change: impl FnOnce(&Self)) -> Duration {
        self.assert_seen_since(what, token, |nodes| {
            change(nodes);
            Instant::now()
        })
    }

    /// Asks both nodes for `token` without a pause while `change` changes its answer. `change` returns the moment when the
    /// change was done. Panics if the old answer was given to a request more than the bound after that moment, and returns
    /// how long after it the last one was.
    #[track_caller]
    fn assert_seen_since(&self, what: &str, token: &str, change: impl FnOnce(&Self) -> Instant) -> Duration {
        let asked = self.ask_continuously(token);
        self.wait_until_cached();
        let old = asked.each_ref().map(Asked::last);
        assert_eq!(old[0], old[1], "both nodes give the same answer before the change");
        assert!(old[0].contains("\"active\":true"), "{}", old[0]);
        let changed = change(self);
        let watched = Instant::now().max(changed + BOUND) + WATCH;
        eventually("answers after the bound", BOUND + RECOVERY, || {
            asked.iter().all(|one| !one.answers_since(watched).is_empty()).then_some(())
        });
        let old_ones = asked.iter().flat_map(|one| one.answers_since(changed)).filter(|(_, text)| *text == old[0]);
        let longest = old_ones.map(|(sent, _)| sent - changed).max().unwrap_or_default();
        eprintln!("freshness: {what}: the old answer was given for {longest:.1?} at most");
        assert!(longest < BOUND, "{what}: the old answer was given to a request {longest:?} after the change");
        longest
    }
}

/// A number of `/metrics`.
#[track_caller]
fn metric(node: &Serving, name: &str) -> f64 {
    let text = Request::new("GET", "/metrics").send(node.addr).text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.expect("it is counted").parse().unwrap()
}

fn hits(node: &Serving) -> f64 {
    metric(node, "jeton_cache_hits_total")
}
