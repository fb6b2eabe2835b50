//! Changes other than those of one token: clients, rows written by SQL, unknown changes, purged rows.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{BOUND, Nodes};
use crate::commands::done;
use crate::on_both;
use crate::support::app::{App, Kind};
use crate::support::eventually;
use crate::support::http::Request;

const HITS: &str = "jeton_cache_hits_total";

#[test]
fn a_clients_new_secret_and_deletion_are_seen_within_the_bound() {
    let nodes = Nodes::start();
    let (login, _) = nodes.user("a");
    let asks = |secret: &str, node: usize| {
        let request = Request::new("POST", "/introspect").basic("billing", secret).form(&[("token", &login)]);
        request.send(nodes.both[node].addr).status
    };
    let mut secret = nodes.client.1.clone();
    for rotate in [true, true, false] {
        for node in [0, 1, 0, 1] {
            assert_eq!(asks(&secret, node), 200);
        }
        let new = if rotate {
            done(&nodes.jeton, &["client", "rotate", "billing"]).trim().to_owned()
        } else {
            done(&nodes.jeton, &["client", "delete", "--yes", "billing"]);
            String::new()
        };
        let changed = Instant::now();
        for node in [0, 1] {
            eventually("a refusal of the old secret", BOUND, || (asks(&secret, node) == 401).then_some(()));
        }
        assert!(changed.elapsed() < BOUND);
        secret = new;
    }
}

/// A transaction can turn the triggers off with `jeton.quiet` and write its own row. A change that a node does not know
/// may concern anything.
#[test]
fn an_unknown_change_empties_the_cache() {
    let app = App::with(Kind::Postgres, &[("JETON_REVOCATION_BOUND", "1m")]);
    let key = app.alice();
    for (what, end) in [("all", "'2000-01-01'"), ("what a newer jeton writes", "null"), ("token", "'2000-01-01'")] {
        let tell = format!("insert into changes (what, subject) values ('{what}', '')");
        let active = end == "null";
        eventually("the earlier answer, from the cache", Duration::from_secs(5), || {
            let before = app.count(HITS);
            (app.introspect(&key)["active"] == !active && app.count(HITS) > before).then_some(())
        });
        let change = format!("update tokens set revoked_at = {end}");
        app.database.sql(&format!("begin; set local jeton.quiet = 'on'; {change}; {tell}; commit"));
        eventually(what, Duration::from_secs(5), || (app.introspect(&key)["active"] == active).then_some(()));
    }
}

/// Like a session of `pg_restore`: the triggers must find their functions all the same.
#[test]
fn a_change_is_seen_from_a_session_without_a_search_path() {
    let app = App::start(Kind::Postgres);
    let key = app.alice();
    app.wait_until_synced();
    app.introspect(&key);
    app.sql("set search_path = ''; update public.users set email = 'a@example.com' where username = 'alice'");
    assert_eq!(app.introspect(&key)["email"], "a@example.com");
}

on_both! {
    fn a_deleted_row_is_seen_whatever_the_databases_clock_says(db) {
        // By this node's clock the token expires in an hour. By the database's clock it expired months ago.
        let app = App::with(db, &[("JETON_TOKEN_TTL", "1h")]);
        let key = app.alice();
        assert_eq!(app.introspect(&key)["active"], true);
        app.sql("delete from tokens where expires_at is not null");
        assert_eq!(app.introspect(&key)["active"], false);
    }

    fn a_revoked_token_whose_row_is_inserted_again_is_valid(db) {
        // Between the two the node remembers, for a minute, that there is no such token.
        let app = App::start(db);
        let key = app.alice();
        app.revoke(&key);
        app.wait_until_synced();
        assert_eq!(app.introspect(&key)["active"], false);
        let facts = "user_id, digest, created_at";
        app.sql(&format!(
            "create table kept as select {facts} from tokens where revoked_at is not null; \
             delete from tokens where revoked_at is not null"
        ));
        eventually("an answer from the cache", Duration::from_secs(10), || {
            let before = app.count(HITS);
            assert_eq!(app.introspect(&key)["active"], false);
            (app.count(HITS) > before).then_some(())
        });
        app.sql(&format!("insert into tokens ({facts}) select {facts} from kept"));
        assert_eq!(app.introspect(&key)["active"], true);
    }
}

#[test]
fn purged_rows_are_not_in_the_change_log() {
    let retention = [("JETON_RETENTION", "1d")];
    let app = App::with(Kind::Postgres, &retention);
    let key = app.alice();
    let old = app.name_token(&key, &json!({"name": "old"}))["token"].as_str().unwrap().to_owned();
    app.revoke(&old);
    app.clock.advance(Duration::from_hours(25));
    app.wait_until_synced();
    let received = app.count("jeton_changes_heard_total");
    // Another node purges as it starts.
    let _other = app.node(&retention);
    eventually("a purge", Duration::from_secs(10), || {
        (app.database.sql("select count(*) from tokens where revoked_at is not null") == "0").then_some(())
    });
    app.wait_until_synced();
    assert_eq!(app.count("jeton_changes_heard_total"), received, "a purge changes no answer");
}
