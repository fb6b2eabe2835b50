//! An edge answers as its node does, to the byte.

use serde_json::json;

use super::{Chain, edge_of, url};
use crate::commands::{done, key_in};
use crate::on_both;
use crate::support::app::Kind;
use crate::support::http::{Answer, Request};

/// What must be equal: not the date and the request's id.
fn shown(answer: &Answer) -> (u16, Vec<(String, Vec<u8>)>, String) {
    let own = ["date", "x-request-id"];
    let mut headers: Vec<_> =
        answer.headers.iter().filter(|(name, _)| !own.contains(&name.as_str())).cloned().collect();
    headers.sort();
    (answer.status, headers, answer.text())
}

/// Sends it to the node, and twice to each edge: the second answer may be from memory.
#[track_caller]
fn assert_equal(chain: &Chain, what: &str, request: &Request) {
    let wanted = shown(&request.send(chain.node.addr));
    for round in 0..2 {
        for (hops, edge) in chain.edges().iter().enumerate() {
            assert_eq!(shown(&request.send(edge.addr)), wanted, "{what}, {} hops, round {round}", hops + 1);
        }
    }
}

on_both! {
    fn every_answer_is_the_nodes(db) {
        let chain = Chain::start(db);
        let (login, named) = chain.user("alice", &["--staff", "--email", "a@example.com", "--group", "x", "--group", "ü,y"]);
        let (inactive, _) = chain.user("gone", &[]);
        done(&chain.jeton, &["user", "deactivate", "gone"]);
        let (plain, _) = chain.user("bob", &[]);
        let brief = ["token", "create", "bob", "--name", "brief", "--expires-in", "1d"];
        let brief = key_in(&done(&chain.jeton, &brief), "bob");
        chain.wait_until_synced();
        let (id, secret) = (chain.client.0.as_str(), chain.client.1.as_str());
        let by_client = |target: &str| Request::new("POST", target).basic(id, secret);
        let keys = [("login", login.as_str()), ("named", &named), ("expiring", &brief), ("inactive user", &inactive), ("unknown", "0123")];
        for (what, key) in keys {
            assert_equal(&chain, what, &by_client("/introspect").form(&[("token", key)]));
            assert_equal(&chain, what, &by_client("/introspect/").json(&json!({"token": key})));
            for verify in ["/auth/verify", "/auth/verify/below?scope=reports:read", "/auth/verify?group=x&scope="] {
                assert_equal(&chain, what, &Request::new("GET", verify).token(key));
            }
            // Whoever introspects may be staff, too, with a login token.
            let by_user = Request::new("POST", "/introspect").token(key);
            assert_equal(&chain, what, &by_user.form(&[("token", &plain)]));
        }
        let tokens = json!({"tokens": [login, "x", named, inactive, "", login]});
        assert_equal(&chain, "batch", &by_client("/introspect/batch").json(&tokens));
        assert_equal(&chain, "empty batch", &by_client("/introspect/batch").json(&json!({"tokens": []})));
        assert_equal(&chain, "batch of a form", &by_client("/introspect/batch").form(&[("tokens", "x")]));
        assert_equal(&chain, "no token", &by_client("/introspect").form(&[]));
        let ask = |request: Request| request.form(&[("token", &plain)]);
        let post = || Request::new("POST", "/introspect");
        assert_equal(&chain, "no credentials", &ask(post()));
        assert_equal(&chain, "a wrong secret", &ask(post().basic(id, "wrong")));
        assert_equal(&chain, "an unknown client", &ask(post().basic("nobody", secret)));
        assert_equal(&chain, "a user who is not staff", &ask(post().token(&plain)));
        let in_form = [("client_id", id), ("client_secret", secret), ("token", plain.as_str())];
        assert_equal(&chain, "credentials in the form", &post().form(&in_form));
        assert_equal(&chain, "no key", &Request::new("GET", "/auth/verify"));
        assert_equal(&chain, "changes of nobody", &Request::new("GET", "/changes"));
        assert_equal(&chain, "health", &Request::new("GET", "/healthz"));
        assert_equal(&chain, "another method", &Request::new("GET", "/introspect").basic(id, secret));
    }
}

/// It is asked about together with others, and upstream the whole batch is a 500.
#[test]
fn a_row_that_cannot_be_read_spoils_nobody_else_s_answer() {
    let chain = Chain::start(Kind::Sqlite);
    let [bad, good] = ["bad", "good"].map(|name| chain.user(name, &[]).0);
    let of_bad = "user_id = (select id from users where username = 'bad')";
    chain.database.sql(&format!("update tokens set revoked_at = 'no time' where {of_bad}"));
    chain.wait_until_synced();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            for (key, status) in [(&bad, 500), (&good, 200)] {
                let chain = &chain;
                scope.spawn(move || assert_eq!(chain.introspect(&chain.edge, key).status, status));
            }
        }
    });
}

/// What needs a database is not there.
#[test]
fn an_edge_has_no_other_route() {
    let chain = Chain::start(Kind::Sqlite);
    let (login, _) = chain.user("alice", &["--superuser"]);
    let routes = [
        ("POST", "/api-token-auth/"),
        ("POST", "/revoke"),
        ("GET", "/me"),
        ("GET", "/tokens/"),
        ("GET", "/admin/users/"),
        ("GET", "/console/"),
        ("GET", "/openapi.json"),
        ("GET", "/.well-known/oauth-authorization-server"),
    ];
    for (method, path) in routes {
        assert_eq!(Request::new(method, path).token(&login).send(chain.edge.addr).status, 404, "{path}");
    }
}

/// Only an edge asks for them.
#[test]
fn members_for_edges_are_sent_to_edges_only() {
    let chain = Chain::start(Kind::Sqlite);
    let (login, named) = chain.user("alice", &[]);
    chain.wait_until_synced();
    let ask = |body| {
        let request = Request::new("POST", "/introspect/batch").basic(&chain.client.0, &chain.client.1);
        request.json(&body).send(chain.far.addr).json()
    };
    let told = ask(json!({"tokens": [login, named, "x"], "edge": true}));
    assert_eq!(told["kinds"], json!(["login", "named", "inactive"]));
    assert_eq!(ask(json!({"tokens": [login, named, "x"]})).as_object().unwrap().len(), 1);
}

#[test]
fn an_edge_says_what_is_missing() {
    let jeton = crate::support::process::Jeton::new();
    let output = jeton.run(&["edge"]);
    assert_eq!(output.status, 2, "{output:?}");
    assert!(output.stderr.contains("JETON_UPSTREAM"), "{output:?}");
    for (urls, named) in [("ftp://x", "JETON_UPSTREAM"), ("http://127.0.0.1:1", "JETON_UPSTREAM_CLIENT_ID")] {
        let output = jeton.run(&["--upstream", urls, "edge"]);
        assert_eq!(output.status, 2, "{output:?}");
        assert!(output.stderr.contains(&format!("error: {named}: ")), "{output:?}");
    }
    // Nothing was written.
    let written = std::fs::read_dir(&jeton.dir).unwrap().count();
    assert_eq!(written, 0);
    let chain = Chain::start(Kind::Sqlite);
    let edge = edge_of(&[&url(&chain.node)], &chain.own);
    let serving = edge.edge();
    super::wait_until_cached(&serving, &chain.client, "x");
    assert_eq!(std::fs::read_dir(&edge.dir).unwrap().count(), 0);
}
