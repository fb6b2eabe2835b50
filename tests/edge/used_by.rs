//! What an edge tells its upstream about uses: by which of its clients a token is used, and that an old secret is.

use serde_json::{Value, json};

use super::{Chain, RECOVERY, edge_of, introspect, url, verify};
use crate::commands::{create_user, done, json_of, key_in, login};
use crate::on_both;
use crate::support::app::TestDatabase;
use crate::support::http::Request;
use crate::support::{eventually, wait_until_synced};

/// A member of all tokens of alice, by id, as the node's command lists them.
fn tokens(chain: &Chain, member: &str) -> Vec<Value> {
    let listed = json_of(&done(&chain.jeton, &["token", "list", "alice", "--json"]));
    listed.as_array().unwrap().iter().map(|token| token[member].clone()).collect()
}

on_both! {
    fn the_client_that_asked_the_edge_is_named_with_the_edge(db) {
        let chain = Chain::start(db);
        create_user(&chain.jeton, "alice", &[]);
        create_user(&chain.jeton, "sam", &["--staff"]);
        let staff = login(&chain.node, "sam");
        let keys: Vec<String> = (0..7)
            .map(|_| key_in(&done(&chain.jeton, &["token", "create", "alice", "--name", "ci"]), "alice"))
            .collect();
        assert_eq!(chain.introspect(&chain.node, &keys[0]).status, 200);
        assert_eq!(chain.introspect(&chain.edge, &keys[1]).status, 200);
        // The credentials are known now, so the router is passed by.
        assert_eq!(chain.introspect(&chain.edge, &keys[2]).status, 200);
        assert_eq!(verify(&chain.edge, &keys[3]).status, 200);
        let batch = Request::new("POST", "/introspect/batch").basic(&chain.client.0, &chain.client.1);
        assert_eq!(batch.json(&json!({"tokens": ["x", keys[4]]})).send(chain.edge.addr).status, 200);
        let by_staff = Request::new("POST", "/introspect").token(&staff).form(&[("token", &keys[5])]);
        assert_eq!(by_staff.send(chain.edge.addr).status, 200);
        assert_eq!(chain.introspect(&chain.far, &keys[6]).status, 200);
        let expected = ["billing", "billing via edge", "billing via edge", "a gateway via edge", "billing via edge",
            "user sam via edge", "billing via edge via edge"];
        eventually("all uses", RECOVERY, || (tokens(&chain, "last_used_by") == expected).then_some(()));
    }

    fn the_use_of_an_old_secret_at_an_edge_is_noted(db) {
        let chain = Chain::on(TestDatabase::migrated(db));
        let (key, _) = chain.user("alice", &[]);
        chain.wait_until_cached(&key);
        let new = done(&chain.jeton, &["client", "rotate", &chain.client.0, "--grace", "1h"]).trim().to_owned();
        let own = done(&chain.jeton, &["client", "rotate", "edge", "--grace", "1h"]).trim().to_owned();
        let Chain { far, edge, node, jeton, client, own: (own_id, _), database: _database } = chain;
        // Both edges of before use their old secret; they stop, and nobody uses it any more.
        drop((far, edge));
        let edge = edge_of(&[&url(&node)], &(own_id, own)).edge();
        wait_until_synced(edge.addr);
        let (new, old) = ((client.0.clone(), new), client);
        assert_eq!(introspect(&edge, &new, &key).status, 200);
        let rotated_at = |at: usize| json_of(&done(&jeton, &["client", "list", "--json"]))[at]["rotated_at"].clone();
        for _ in 0..3 {
            assert_eq!(introspect(&edge, &old, &key).status, 200);
        }
        node.signal("TERM");
        assert!(node.wait(RECOVERY).success(), "{node:?}");
        let listed = json_of(&done(&jeton, &["client", "list", "--json"]));
        assert!(listed[0]["previous_secret_last_used_at"].as_str() > rotated_at(0).as_str(), "{listed}");
    }
}
