//! Everything that can be changed.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{BOUND, Nodes};
use crate::commands::done;
use crate::on_both;
use crate::support::app::{App, Kind};
use crate::support::eventually;
use crate::support::http::Request;

const HITS: &str = "jeton_cache_hits_total";

fn logged_out(nodes: &Nodes, token: &str) {
    let answer = Request::new("POST", "/logout/").token(token).send(nodes.both[0].addr);
    assert_eq!(answer.status, 204, "{answer:?}");
}

fn revoked(nodes: &Nodes, token: &str) {
    let request = Request::new("POST", "/revoke").basic(&nodes.client.0, &nodes.client.1).form(&[("token", token)]);
    assert_eq!(request.send(nodes.both[1].addr).status, 200);
}

#[test]
fn every_change_by_http_by_command_and_by_sql_is_seen_by_both_nodes_within_the_bound() {
    let nodes = Nodes::start();
    done(&nodes.jeton, &["user", "create", "boss", "--no-password", "--superuser"]);
    let boss = done(&nodes.jeton, &["token", "create", "boss"]);
    let boss = boss.split(' ').nth(2).unwrap().to_owned();
    let see = |what: &str, token: &str, change: &dyn Fn(&Nodes)| {
        nodes.longest_after(what, token, |nodes| change(nodes));
    };
    let (login, named) = nodes.user("a");
    see("logout by HTTP", &login, &|nodes| logged_out(nodes, &login));
    see("revoke by HTTP", &named, &|nodes| revoked(nodes, &named));
    let (login, named) = nodes.user("b");
    see("regenerate by HTTP", &login, &|nodes| {
        let answer = Request::new("POST", "/admin/users/b/regenerate").token(&boss).send(nodes.both[1].addr);
        assert_eq!(answer.status, 200, "{answer:?}");
    });
    let id = done(&nodes.jeton, &["token", "list", "b", "--json"]);
    let id: serde_json::Value = serde_json::from_str(&id).unwrap();
    let id = id.as_array().unwrap().iter().find(|token| token["kind"] == "named").unwrap()["id"].to_string();
    see("revoke by command", &named, &|nodes| drop(done(&nodes.jeton, &["token", "revoke", &id])));
    let (login, named) = nodes.user("c");
    see("regenerate by command", &login, &|nodes| drop(done(&nodes.jeton, &["token", "create", "-r", "c"])));
    see("deactivate by command", &named, &|nodes| drop(done(&nodes.jeton, &["user", "deactivate", "c"])));
    let (login, named) = nodes.user("d");
    see("set a password by command", &login, &|nodes| {
        let set = nodes.jeton.run_with_stdin(&["user", "set-password", "--password-stdin", "d"], "grey clouds at noon");
        assert_eq!(set.status, 0, "{set:?}");
    });
    see("delete a user by command", &named, &|nodes| drop(done(&nodes.jeton, &["user", "delete", "--yes", "d"])));
    let (_, named) = nodes.user("e");
    let sql: [(&str, &str); 6] = [
        (
            "a new group by SQL",
            "insert into groups (name) values ('g'); insert into user_groups select u.id, g.id from users u, groups g where username = 'e'",
        ),
        ("a group's name by SQL", "update groups set name = 'h'"),
        ("a group's end by SQL", "delete from groups"),
        ("an e-mail address by SQL", "update users set email = 'e@example.com' where username = 'e'"),
        (
            "a scope by SQL",
            "update tokens set scope = 'x' where name = 'ci' and user_id = (select id from users where username = 'e')",
        ),
        (
            "a token's row deleted by SQL",
            "delete from tokens where user_id = (select id from users where username = 'e')",
        ),
    ];
    for (what, text) in sql {
        see(what, &named, &|nodes| drop(nodes.database.sql(text)));
    }
    let (_, named) = nodes.user("f");
    see("truncate by SQL", &named, &|nodes| drop(nodes.database.sql("truncate tokens")));
}

#[test]
fn a_client_s_new_secret_and_its_end_are_seen_within_the_bound() {
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
            eventually("the old secret's end", BOUND, || (asks(&secret, node) == 401).then_some(()));
        }
        assert!(changed.elapsed() < BOUND);
        secret = new;
    }
}

/// A transaction may be quiet and tell itself what there is to tell: what a node does not understand may concern anything.
#[test]
fn what_is_not_understood_empties_the_cache() {
    // Between two beats it is heard too: here there are fifteen seconds between them.
    let app = App::with(Kind::Postgres, &[("JETON_REVOCATION_BOUND", "1m")]);
    let key = app.alice();
    for (tell, end) in [
        ("notify jeton_changes", "'2000-01-01'"),
        ("notify jeton_changes, 'what a newer jeton says'", "null"),
        ("notify jeton_changes, 'everything'", "'2000-01-01'"),
    ] {
        let active = end == "null";
        eventually("what was said before, from the cache", Duration::from_secs(5), || {
            let before = app.count(HITS);
            (app.introspect(&key)["active"] == !active && app.count(HITS) > before).then_some(())
        });
        let change = format!("update tokens set revoked_at = {end}");
        app.database.sql(&format!("begin; set local jeton.quiet = 'on'; {change}; commit; {tell}"));
        eventually(tell, Duration::from_secs(5), || (app.introspect(&key)["active"] == active).then_some(()));
    }
}

/// As a restore's session: the triggers' functions must be found all the same.
#[test]
fn a_change_is_heard_from_a_session_without_a_search_path() {
    let app = App::start(Kind::Postgres);
    let key = app.alice();
    app.heard();
    app.introspect(&key);
    app.sql("set search_path = ''; update public.users set email = 'a@example.com' where username = 'alice'");
    assert_eq!(app.introspect(&key)["email"], "a@example.com");
}

on_both! {
    fn a_row_s_end_is_heard_whatever_the_database_s_clock_says(db) {
        // By the clock of this node it lives for another hour, by the database's it has been over for months.
        let app = App::with(db, &[("JETON_TOKEN_TTL", "1h")]);
        let key = app.alice();
        assert_eq!(app.introspect(&key)["active"], true);
        app.sql("delete from tokens where expires_at is not null");
        assert_eq!(app.introspect(&key)["active"], false);
    }

    fn a_revoked_token_s_row_made_anew_is_a_good_token(db) {
        let app = App::start(db);
        let key = app.alice();
        app.revoke(&key);
        app.heard();
        assert_eq!(app.introspect(&key)["active"], false);
        let facts = "user_id, digest, created_at";
        app.sql(&format!(
            "create table kept as select {facts} from tokens where revoked_at is not null; \
             delete from tokens where revoked_at is not null; insert into tokens ({facts}) select {facts} from kept"
        ));
        assert_eq!(app.introspect(&key)["active"], true);
    }
}

#[test]
fn what_is_purged_is_not_told() {
    let retention = [("JETON_RETENTION", "1d")];
    let app = App::with(Kind::Postgres, &retention);
    let key = app.alice();
    let old = app.name_token(&key, &json!({"name": "old"}))["token"].as_str().unwrap().to_owned();
    app.revoke(&old);
    app.clock.advance(Duration::from_hours(25));
    app.heard();
    let heard = app.count("jeton_changes_heard_total");
    // Another node purges as it starts.
    let _other = app.node(&retention);
    eventually("a purge", Duration::from_secs(10), || {
        (app.database.sql("select count(*) from tokens where revoked_at is not null") == "0").then_some(())
    });
    app.heard();
    assert_eq!(app.count("jeton_changes_heard_total"), heard, "it makes no answer wrong");
}
