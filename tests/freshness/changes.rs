//! Everything that can be changed.

use super::{BOUND, Nodes};
use crate::commands::done;
use crate::support::http::Request;

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
    let mut worst = Vec::new();
    let mut see = |what: &str, token: &str, change: &dyn Fn(&Nodes)| {
        let longest = nodes.longest_after(token, |nodes| change(nodes));
        worst.push((longest, what.to_owned()));
    };
    let (login, named) = nodes.user("a");
    see("logout", &login, &|nodes| logged_out(nodes, &login));
    see("revoke", &named, &|nodes| revoked(nodes, &named));
    let (login, named) = nodes.user("b");
    see("regenerate", &login, &|nodes| {
        let answer = Request::new("POST", "/admin/users/b/regenerate").token(&boss).send(nodes.both[1].addr);
        assert_eq!(answer.status, 200, "{answer:?}");
    });
    let id = done(&nodes.jeton, &["token", "list", "b", "--json"]);
    let id: serde_json::Value = serde_json::from_str(&id).unwrap();
    let id = id.as_array().unwrap().iter().find(|token| token["kind"] == "named").unwrap()["id"].to_string();
    see("token revoke", &named, &|nodes| drop(done(&nodes.jeton, &["token", "revoke", &id])));
    let (login, named) = nodes.user("c");
    see("token create -r", &login, &|nodes| drop(done(&nodes.jeton, &["token", "create", "-r", "c"])));
    see("user deactivate", &named, &|nodes| drop(done(&nodes.jeton, &["user", "deactivate", "c"])));
    let (login, named) = nodes.user("d");
    see("set-password", &login, &|nodes| {
        let set = nodes.jeton.run_with_stdin(&["user", "set-password", "--password-stdin", "d"], "grey clouds at noon");
        assert_eq!(set.status, 0, "{set:?}");
    });
    see("user delete", &named, &|nodes| drop(done(&nodes.jeton, &["user", "delete", "--yes", "d"])));
    let (_, named) = nodes.user("e");
    let sql: [(&str, &str); 6] = [
        (
            "a new group",
            "insert into groups (name) values ('g'); insert into user_groups select u.id, g.id from users u, groups g where username = 'e'",
        ),
        ("a group's name", "update groups set name = 'h'"),
        ("a group's end", "delete from groups"),
        ("an e-mail address", "update users set email = 'e@example.com' where username = 'e'"),
        (
            "a scope",
            "update tokens set scope = 'x' where name = 'ci' and user_id = (select id from users where username = 'e')",
        ),
        ("a row's end", "delete from tokens where user_id = (select id from users where username = 'e')"),
    ];
    for (what, text) in sql {
        see(what, &named, &|nodes| drop(nodes.database.sql(text)));
    }
    let (_, named) = nodes.user("f");
    see("all rows' end", &named, &|nodes| drop(nodes.database.sql("truncate tokens")));
    worst.sort();
    eprintln!("the old answer lived at most: {worst:?} (bound {BOUND:?})");
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
        let changed = std::time::Instant::now();
        for node in [0, 1] {
            crate::support::eventually("the old secret's end", BOUND, || (asks(&secret, node) == 401).then_some(()));
        }
        assert!(changed.elapsed() < BOUND);
        secret = new;
    }
}
