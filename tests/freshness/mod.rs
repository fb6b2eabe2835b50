//! Never stale past the bound: two nodes over one PostgreSQL, tokens kept hot on both, everything that can be changed is
//! changed, and everything that can break is broken meanwhile. Real processes, real time.

mod asked;
mod changes;
mod failures;
mod stale;

use std::time::{Duration, Instant};

use crate::commands::{create_client, create_user, done, jeton, key_in, login};
use crate::support::app::TestDatabase;
use crate::support::eventually;
use crate::support::http::Request;
use crate::support::postgres::{self, Cluster};
use crate::support::process::{Jeton, Serving};
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
    cluster: Cluster,
}

impl Nodes {
    fn start() -> Self {
        let cluster = postgres::private();
        let database = TestDatabase::of(&cluster);
        let jeton = jeton(&database).env("JETON_DATABASE_TIMEOUT", "500ms");
        let client = create_client(&jeton, "billing");
        let both = [(); 2].map(|()| jeton.serve());
        Self { both, jeton, client, database, cluster }
    }

    /// A user with a login token and a named one.
    fn user(&self, name: &str) -> (String, String) {
        create_user(&self.jeton, name, &[]);
        let named = key_in(&done(&self.jeton, &["token", "create", name, "--name", "ci"]), name);
        (login(&self.both[0], name), named)
    }

    fn hits(&self, node: usize) -> u64 {
        let text = Request::new("GET", "/metrics").send(self.both[node].addr).text();
        let value = text.lines().find_map(|line| line.strip_prefix("jeton_cache_hits_total "));
        value.expect("it is counted").parse().unwrap()
    }

    /// Waits until both nodes answer from their caches.
    #[track_caller]
    fn hot(&self, within: Duration) {
        for node in 0..2 {
            let before = self.hits(node);
            eventually("answers from the cache", within, || (self.hits(node) > before + 20).then_some(()));
        }
    }

    /// Asks both nodes for `token` without a pause while `change` makes its answer another, and says how long the old
    /// answer lived after that. Panics when it was longer than the bound.
    #[track_caller]
    fn longest_after(&self, token: &str, change: impl FnOnce(&Self)) -> Duration {
        let asked = self.both.each_ref().map(|node| Asked::start(node.addr, &self.client, token));
        self.hot(RECOVERY);
        let old = asked.each_ref().map(Asked::last);
        assert_eq!(old[0], old[1], "both say the same before");
        assert!(old[0].contains("\"active\":true"), "{}", old[0]);
        change(self);
        // Whoever made the change has its answer now.
        let changed = Instant::now();
        eventually("answers after the bound", BOUND + RECOVERY, || {
            let late = |one: &Asked| {
                one.answers_since(changed + BOUND).iter().any(|(sent, _)| *sent > changed + BOUND + WATCH)
            };
            asked.iter().all(late).then_some(())
        });
        let old_ones = asked.iter().flat_map(|one| one.answers_since(changed)).filter(|(_, text)| *text == old[0]);
        let longest = old_ones.map(|(sent, _)| sent - changed).max().unwrap_or_default();
        assert!(longest < BOUND, "the old answer was given to a request {longest:?} after the change");
        longest
    }
}
