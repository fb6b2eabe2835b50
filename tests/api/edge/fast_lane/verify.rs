//! The two ways to answer `GET /auth/verify`. Their answers are equal.

use std::time::Duration;

use serde_json::json;

use super::common_parts;
use crate::on_both;
use crate::support::app::App;
use crate::support::calls::ALICE;
use crate::support::eventually;
use crate::support::http::{Answer, Request};

/// How many requests of gateways the router has answered so.
fn by_the_router(app: &App, status: u16) -> u64 {
    app.count(&format!("jeton_request_seconds_count{{route=\"/auth/verify\",status=\"{status}\"}}"))
}

/// Repeats the request until the fast lane answers it.
fn fast(app: &App, request: &Request) -> Answer {
    eventually("an answer past the router", Duration::from_secs(10), || {
        let before = by_the_router(app, 200);
        let answer = request.send(app.addr);
        (by_the_router(app, 200) == before).then_some(answer)
    })
}

/// The router's answer to the same request, which now has a length.
#[track_caller]
fn slow(app: &App, request: &Request) -> Answer {
    let request = request.clone().header("Content-Length", "0");
    let status = request.send(app.addr).status;
    let before = by_the_router(app, status);
    let answer = request.send(app.addr);
    assert_eq!(by_the_router(app, status), before + 1, "the router answers {request:?}");
    answer
}

on_both! {
    fn gateways_get_the_same_answer_by_the_fast_lane_and_by_the_router(db) {
        let app = App::with(db, &[("JETON_KEY_HEADERS", "X-Api-Key"), ("JETON_KEY_BASIC", "true"), ("JETON_USER_SCOPES", "a:b c")]);
        app.create_user("ünï", "some words of a song", &json!({"groups": ["a,b", "ключ"], "email": "u@example.com"}));
        let login = app.login("ünï", "some words of a song");
        let named = app.name_token(&login, &json!({"name": "ci", "scope": "a:b c", "password": "some words of a song"}));
        let named = named["token"].as_str().unwrap().to_owned();
        let brief = json!({"name": "brief", "expires_in": "1d", "password": "some words of a song"});
        let brief = app.name_token(&login, &brief)["token"].as_str().unwrap().to_owned();
        let get = |path: &str| Request::new("GET", path);
        for key in [&login, &named, &brief] {
            for path in ["/auth/verify", "/auth/verify/", "/auth/verify/a//b/%0A?x=1&y", "/auth/verify?group=a%2Cb&group=%D0%BA%D0%BB%D1%8E%D1%87"] {
                let keyword = |word: &str| get(path).header("Authorization", format!("{word} {key}"));
                for request in [keyword("Token"), keyword("bearer"), get(path).header("X-Api-Key", key), get(path).basic("any", key), get(path).basic(key, "")] {
                    let answer = fast(&app, &request);
                    assert_eq!((answer.status, common_parts(&answer)), (200, common_parts(&slow(&app, &request))));
                    assert_eq!(answer.header("X-Auth-User").as_deref(), Some("%C3%BCn%C3%AF"));
                    let expires = answer.header("X-Auth-Token-Expires").unwrap();
                    assert_eq!(expires.is_empty(), key != &brief, "{expires}");
                }
            }
        }
        let scoped = get("/auth/verify?scope=a:b&scope=c").token(&named);
        assert_eq!(common_parts(&fast(&app, &scoped)), common_parts(&slow(&app, &scoped)));
        let mine = get("/auth/verify").token(&named).header("X-Request-Id", "mine.1");
        assert_eq!(fast(&app, &mine).header("X-Request-Id").as_deref(), Some("mine.1"));
    }

    fn the_router_refuses_what_the_fast_lane_does_not_let_pass(db) {
        let app = App::start(db);
        let token = app.alice();
        let get = |path: &str| Request::new("GET", path);
        fast(&app, &get("/auth/verify").token(&token));
        for (request, status) in [
            (get("/auth/verify?scope=a").token(&token), 403),
            (get("/auth/verify?group=a").token(&token), 403),
            (get("/auth/verify?scope=").token(&token), 403),
            (get("/auth/verify").token(&token).token(&token), 401),
            (get("/auth/verify").header("Authorization", format!("Other {token}")), 401),
            (get("/auth/verify").header("X-Api-Key", &token), 401),
            (get("/auth/verify").basic("alice", &token), 401),
            (get("/auth/verify"), 401),
            (get("/auth/verify").token(&"0".repeat(40)), 401),
            (get("/auth/verifyx").token(&token), 404),
            (get("/auth/verif").token(&token), 404),
        ] {
            assert_eq!(request.send(app.addr).status, status, "{request:?}");
        }
    }

    fn a_gateway_is_refused_at_once_after_a_change_at_this_node(db) {
        let app = App::start(db);
        app.alice();
        for _ in 0..20 {
            let token = app.login(ALICE.0, ALICE.1);
            let request = Request::new("GET", "/auth/verify").token(&token);
            assert_eq!(fast(&app, &request).status, 200);
            app.regenerate("alice");
            assert_eq!(request.send(app.addr).status, 401);
        }
    }

    fn the_fast_lane_counts_introspections_of_gateways(db) {
        let app = App::start(db);
        let token = app.alice();
        let request = Request::new("GET", "/auth/verify").token(&token);
        let counted = || ["jeton_introspections_total{result=\"active\"}", "jeton_cache_hits_total"].map(|name| app.count(name));
        eventually("an answer past the router", Duration::from_secs(10), || {
            let (before, routed) = (counted(), by_the_router(&app, 200));
            assert_eq!(request.send(app.addr).status, 200);
            (by_the_router(&app, 200) == routed).then(|| assert_eq!(counted(), before.map(|count| count + 1)))
        });
    }
}
