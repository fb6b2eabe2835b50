//! Many services that follow an edge's changes.

use std::collections::HashSet;

use super::{Chain, RECOVERY, edge_of, metric_sum, url, wait_until_cached};
use crate::on_both;
use crate::support::app::TestDatabase;
use crate::support::http::{Answer, Request, encode};
use crate::support::process::Serving;
use crate::support::{eventually, wait_until_synced};

fn changes(server: &Serving, client: &(String, String), after: &str) -> Answer {
    let request = Request::new("GET", &format!("/changes?after={}", encode(after)));
    request.basic(&client.0, &client.1).send(server.addr)
}

fn asked(node: &Serving) -> f64 {
    metric_sum(node, "jeton_request_seconds_count", "route=\"/changes\"")
}

on_both! {
    /// After a restart an edge knows none of its followers' cursors.
    fn an_edge_that_was_restarted_asks_its_upstream_little_for_its_many_followers(db) {
        let chain = Chain::on(TestDatabase::migrated(db));
        let mut cursors = Vec::new();
        for number in 0..12 {
            chain.user(&format!("user{number}"), &[]);
            wait_until_synced(chain.edge.addr);
            cursors.push(changes(&chain.edge, &chain.client, "").json()["cursor"].as_str().unwrap().to_owned());
        }
        assert!(cursors.iter().collect::<HashSet<_>>().len() >= 10, "{cursors:?}");
        chain.user("last", &[]);
        let edge = edge_of(&[&url(&chain.node)], &chain.own).env("JETON_DATABASE_TIMEOUT", "20s").edge();
        wait_until_synced(edge.addr);
        assert_eq!(changes(&edge, &chain.client, "").status, 200);
        let before = asked(&chain.node);
        let since = std::time::Instant::now();
        let told: Vec<bool> = std::thread::scope(|scope| {
            let ask = |number: usize| {
                let (edge, client, after) = (&edge, &chain.client, &cursors[number % cursors.len()]);
                scope.spawn(move || {
                    let answer = changes(edge, client, after);
                    assert_eq!(answer.status, 200, "{answer:?}");
                    let answer = answer.json();
                    // Everything that has changed since, or that everything must be forgotten.
                    let changes = answer["changes"].as_array().unwrap();
                    assert!(answer["reset"] == true || !changes.is_empty(), "{answer}");
                    answer["reset"] == false
                })
            };
            let threads: Vec<_> = (0..120).map(ask).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(told.contains(&true), "some cursors are asked about");
        assert!(told.contains(&false), "not all of them: each costs a quarter of the bound");
        // The edge itself asks some times a second.
        let allowed = 40.0 + 40.0 * since.elapsed().as_secs_f64();
        let by_edge = asked(&chain.node) - before;
        assert!(by_edge < allowed, "{by_edge} requests for 120 followers");
        eventually("a new cursor", RECOVERY, || {
            let cursor = changes(&edge, &chain.client, "").json()["cursor"].as_str().unwrap().to_owned();
            (changes(&edge, &chain.client, &cursor).json()["reset"] == false).then_some(())
        });
        wait_until_cached(&edge, &chain.client, "x");
    }
}
