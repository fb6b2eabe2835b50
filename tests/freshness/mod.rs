//! Never stale past the bound: two nodes over one PostgreSQL, tokens kept hot on both, everything that can be changed is
//! changed, and everything that can break is broken meanwhile. Real processes, real time.
//!
//! `cargo test freshness -- --nocapture` prints how long an old answer lived, and how long a node took to be itself again.

mod asked;
mod changes;
mod each_change;
mod failover;
mod failures;
mod moved;
mod poolers;
mod stale;

use std::time::{Duration, Instant};

use crate::commands::{create_client, create_user, done, key_in, login, migrated};
use crate::support::app::{Kind, TestDatabase};
use crate::support::http::Request;
use crate::support::postgres::{self, Cluster};
use crate::support::process::{Jeton, Serving};
use crate::support::{eventually, wait_until_synced};
use asked::Asked;

/// `JETON_REVOCATION_BOUND`, its default.
const BOUND: Duration = Duration::from_secs(1);
/// Back to normal after whatever happened.
const RECOVERY: Duration = Duration::from_secs(5);
/// How long it is watched that nothing stale comes after the bound.
const WATCH: Duration = Duration::from_millis(700);

/// Two nodes, and what is needed to ask them.
struct Nodes {
    both: [Serving; 2],
    jeton: Jeton,
    client: (String, String),
    database: TestDatabase,
    /// Their own, where it is to break.
    cluster: Option<Cluster>,
}

impl Nodes {
    fn start() -> Self {
        let cluster = postgres::private();
        let database = TestDatabase::of(&cluster);
        let url = database.url.clone();
        Self::at(cluster, database, &url)
    }

    /// Over the cluster of all tests, where nothing is to break.
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

    /// Somebody asks both nodes for a token, again and again.
    fn asked(&self, token: &str) -> [Asked; 2] {
        self.both.each_ref().map(|node| Asked::start(node.addr, &self.client, token))
    }

    /// Waits until both nodes answer from their caches what they are asked.
    #[track_caller]
    fn hot(&self) {
        for node in 0..2 {
            let before = hits(&self.both[node]);
            eventually("answers from the cache", RECOVERY, || (hits(&self.both[node]) > before + 20.0).then_some(()));
        }
    }

    /// Waits until both nodes have a new proof after `what`, and answer from their caches again; tells how long that took
    /// from `since` on.
    #[track_caller]
    fn back_to_normal(&self, what: &str, since: Instant, token: &str) {
        let asked = self.asked(token);
        for node in &self.both {
            wait_until_synced(node.addr);
        }
        self.hot();
        let took = since.elapsed();
        eprintln!("freshness: {what}: back to normal after {took:.0?}");
        assert!(took < RECOVERY, "{what}: back to normal after {took:?}");
        drop(asked);
    }

    /// As [`Nodes::longest_since`], for a change whose answer is there when `change` returns.
    #[track_caller]
    fn longest_after(&self, what: &str, token: &str, change: impl FnOnce(&Self)) -> Duration {
        self.longest_since(what, token, |nodes| {
            change(nodes);
            Instant::now()
        })
    }

    /// Asks both nodes for `token` without a pause while `change` makes its answer another, and tells how long the old
    /// answer lived after the moment, which `change` returns, at which whoever made the change had its answer. Panics when
    /// it was longer than the bound.
    #[track_caller]
    fn longest_since(&self, what: &str, token: &str, change: impl FnOnce(&Self) -> Instant) -> Duration {
        let asked = self.asked(token);
        self.hot();
        let old = asked.each_ref().map(Asked::last);
        assert_eq!(old[0], old[1], "both say the same before");
        assert!(old[0].contains("\"active\":true"), "{}", old[0]);
        let changed = change(self);
        let watched = Instant::now().max(changed + BOUND) + WATCH;
        eventually("answers after the bound", BOUND + RECOVERY, || {
            asked.iter().all(|one| !one.answers_since(watched).is_empty()).then_some(())
        });
        let old_ones = asked.iter().flat_map(|one| one.answers_since(changed)).filter(|(_, text)| *text == old[0]);
        let longest = old_ones.map(|(sent, _)| sent - changed).max().unwrap_or_default();
        eprintln!("freshness: {what}: the old answer lived {longest:.1?} at most");
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
