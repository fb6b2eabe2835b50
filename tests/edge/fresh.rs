//! What changes at the node is seen at an edge, and at an edge of it, within the bound.

use std::time::Instant;

use serde_json::json;

use super::{BOUND, Chain, RECOVERY, introspect, metric, verify};
use crate::commands::done;
use crate::on_both;
use crate::support::app::{Kind, TestDatabase};
use crate::support::eventually;
use crate::support::http::Request;
use crate::support::postgres;
use crate::support::process::Serving;

on_both! {
    fn a_revocation_is_seen_within_the_bound(db) {
        let chain = Chain::start(db);
        let changes: [(&str, &[&str]); 3] = [
            ("revoked", &["token", "revoke", "--yes", "--user", "revoked"]),
            ("inactive", &["user", "deactivate", "inactive"]),
            ("deleted", &["user", "delete", "--yes", "deleted"]),
        ];
        for (name, command) in changes {
            let (key, _) = chain.user(name, &[]);
            chain.wait_until_cached(&key);
            done(&chain.jeton, command);
            let changed = Instant::now();
            for edge in chain.edges() {
                eventually(name, RECOVERY, || {
                    let sent = Instant::now();
                    let is_active = introspect(edge, &chain.client, &key).json()["active"] == true;
                    assert!(!is_active || sent < changed + BOUND, "{name}: an old answer past the bound");
                    (!is_active && verify(edge, &key).status == 401).then_some(())
                });
            }
        }
    }

    /// Nobody tells an edge that a token was made with a key that it has called unknown.
    fn an_unknown_key_is_not_remembered_for_long(db) {
        let chain = Chain::start(db);
        let (key, _) = chain.user("alice", &[]);
        chain.database.sql("update tokens set revoked_at = '2000-01-01 00:00:00'");
        chain.wait_until_synced();
        for edge in chain.edges() {
            assert_eq!(chain.introspect(edge, &key).json(), json!({"active": false}));
        }
        chain.database.sql("update tokens set revoked_at = null");
        for edge in chain.edges() {
            eventually("the token", RECOVERY, || (chain.introspect(edge, &key).json()["active"] == true).then_some(()));
        }
    }

    /// An edge that asks another one just before that one forgets the answer may not remember it for another bound.
    fn an_unknown_key_is_not_remembered_longer_by_each_edge(db) {
        let chain = Chain::start(db);
        let (key, _) = chain.user("alice", &[]);
        let ask = |edge: &Serving| {
            let answer = introspect(edge, &chain.client, &key);
            (answer.status == 200).then(|| answer.json()["active"] == true)
        };
        for (turn, time) in ["2000-01-01", "2000-01-02", "2000-01-03"].into_iter().enumerate() {
            chain.database.sql(&format!("update tokens set revoked_at = '{time} 00:00:00'"));
            eventually("not active", RECOVERY, || (ask(&chain.edge) == Some(false)).then_some(()));
            chain.database.sql("update tokens set revoked_at = null");
            let changed = Instant::now();
            std::thread::sleep(BOUND * 3 / 4);
            eventually("the token", RECOVERY, || {
                let sent = Instant::now();
                let is_active = ask(&chain.far)?;
                assert!(is_active || sent < changed + BOUND, "turn {turn}: {:?} after the change", sent - changed);
                is_active.then_some(())
            });
        }
    }

    fn a_clients_new_secret_and_deletion_are_seen_within_the_bound(db) {
        let chain = Chain::start(db);
        let (key, _) = chain.user("alice", &[]);
        chain.wait_until_cached(&key);
        let asks = |secret: &str, edge| introspect(edge, &(chain.client.0.clone(), secret.to_owned()), &key).status;
        let refused = |secret: &str| {
            let changed = Instant::now();
            for edge in chain.edges() {
                eventually("a refusal", RECOVERY, || {
                    let sent = Instant::now();
                    let status = asks(secret, edge);
                    assert!(status != 200 || sent < changed + BOUND, "an old secret past the bound");
                    (status == 401).then_some(())
                });
            }
        };
        let new = done(&chain.jeton, &["client", "rotate", &chain.client.0]).trim().to_owned();
        refused(&chain.client.1);
        assert_eq!(chain.edges().map(|edge| asks(&new, edge)), [200; 2]);
        // Both secrets are good during a grace period, and the old one is not remembered past it.
        let newer = done(&chain.jeton, &["client", "rotate", &chain.client.0, "--grace", "4s"]).trim().to_owned();
        let rotated = Instant::now();
        chain.wait_until_synced();
        for edge in chain.edges() {
            assert_eq!(asks(&newer, edge), 200);
            let status = asks(&new, edge);
            assert!(status == 200 || rotated.elapsed().as_secs() >= 4, "{status}");
        }
        for edge in chain.edges() {
            eventually("the end of the grace period", RECOVERY, || (asks(&new, edge) == 401).then_some(()));
            assert_eq!(asks(&newer, edge), 200);
        }
        done(&chain.jeton, &["client", "delete", "--yes", &chain.client.0]);
        refused(&newer);
    }
}

/// Each hop gives on what it has read, and a cursor of any of them is good at all others.
#[test]
fn changes_are_followed_through_edges() {
    let chain = Chain::start(Kind::Postgres);
    let ask = |server: &Serving, after: &str| {
        let request = Request::new("GET", &format!("/changes?after={}", crate::support::http::encode(after)));
        let answer = request.basic(&chain.client.0, &chain.client.1).send(server.addr);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    for from in chain.all() {
        let cursor = ask(from, "")["cursor"].as_str().unwrap().to_owned();
        let name = format!("user{}", from.addr.port());
        chain.user(&name, &[]);
        for to in chain.all() {
            let told = ask(to, &cursor);
            assert_eq!(told["reset"], false, "{told}");
            let changes = told["changes"].as_array().unwrap();
            assert!(changes.iter().any(|change| change.get("token").is_some()), "{told}");
        }
    }
    for server in chain.all() {
        assert_eq!(ask(server, "nonsense")["reset"], true);
    }
}

/// A hundred tokens that are asked about at once are asked about in a few requests.
#[test]
fn questions_that_wait_together_go_together() {
    let chain = Chain::start(Kind::Sqlite);
    let keys: Vec<String> = (0..200).map(|number| format!("unknown-{number}")).collect();
    let before = metric(&chain.edge, "jeton_lookup_statements_total");
    let request = Request::new("POST", "/introspect/batch").basic(&chain.client.0, &chain.client.1);
    assert_eq!(request.json(&json!({ "tokens": keys })).send(chain.edge.addr).status, 200);
    let requests = metric(&chain.edge, "jeton_lookup_statements_total") - before;
    assert!(requests <= 20.0, "{requests}");
}

/// The end of a token needs no change.
#[test]
fn a_token_is_not_active_past_its_end() {
    let chain = Chain::start(Kind::Sqlite);
    chain.user("alice", &[]);
    let token = ["token", "create", "alice", "--name", "short", "--expires-in", "4s"];
    let key = crate::commands::key_in(&done(&chain.jeton, &token), "alice");
    for edge in chain.edges() {
        assert_eq!(chain.introspect(edge, &key).status, 200);
        eventually("its end", RECOVERY, || {
            let told = chain.introspect(edge, &key).json();
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            let is_active = told["active"] == true;
            assert!(!is_active || now <= told["exp"].as_u64().unwrap(), "{told} at {now}");
            (!is_active).then_some(())
        });
    }
}

/// More transactions run than a cursor lists, so one cursor stands for several readings.
#[test]
fn a_revocation_is_seen_while_hundreds_of_transactions_run() {
    let cluster = postgres::private_with(&["max_prepared_transactions=250"]);
    let chain = Chain::on(TestDatabase::of(&cluster));
    let (login, _) = chain.user("alice", &[]);
    for number in 0..230 {
        // With an id, as if it had written.
        cluster.sql(&format!("begin; select pg_current_xact_id(); prepare transaction 'p{number}'"));
    }
    // Each is told of this change, so they have a cursor from now.
    chain.user("bob", &[]);
    chain.wait_until_synced();
    chain.wait_until_cached(&login);
    done(&chain.jeton, &["token", "revoke", "--yes", "--user", "alice"]);
    for edge in chain.edges() {
        eventually("the revocation", RECOVERY, || {
            (chain.introspect(edge, &login).json()["active"] == false).then_some(())
        });
    }
}
