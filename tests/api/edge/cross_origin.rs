//! Pages of other origins: preflights and `Access-Control-*`, with the same answers as django-cors-headers.

use std::collections::BTreeSet;

use serde_json::json;

use crate::on_both;
use crate::support::app::{App, CLIENT, Kind};
use crate::support::calls::ALICE;
use crate::support::http::{Answer, Request};

const PAGE: &str = "https://app.example.com";
const STRANGER: &str = "https://evil.test";

fn for_pages(db: Kind) -> App {
    let origins = ("JETON_CORS_ORIGINS", "http://localhost:3000, https://app.example.com");
    App::with(db, &[origins, ("JETON_WORKERS", "1")])
}

/// Routes that pages of the configured origins may call.
const OPEN: [(&str, &str); 10] = [
    ("POST", "/api-token-auth/"),
    ("GET", "/me"),
    ("PATCH", "/me/"),
    ("POST", "/me/password"),
    ("POST", "/tokens/"),
    ("DELETE", "/tokens/1"),
    ("POST", "/logout/"),
    ("POST", "/logoutall"),
    ("POST", "/revoke"),
    ("POST", "/introspect/"),
];

const CLOSED: [&str; 7] =
    ["/admin/users/", "/admin/explain", "/console/sign-in", "/healthz", "/metrics", "/openapi.json", "/auth/verify"];

fn preflight(path: &str, origin: &str, method: &str) -> Request {
    Request::new("OPTIONS", path).header("Origin", origin).header("Access-Control-Request-Method", method)
}

fn words(answer: &Answer, name: &str) -> BTreeSet<String> {
    answer.header(name).unwrap_or_default().split(',').map(|word| word.trim().to_owned()).collect()
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[track_caller]
fn assert_readable(answer: &Answer, origin: &str) {
    assert_eq!(answer.headers_named("Access-Control-Allow-Origin"), [origin], "{answer:?}");
    assert_eq!(answer.headers_named("Vary"), ["origin"], "{answer:?}");
    assert_eq!(answer.header("Access-Control-Allow-Credentials"), None);
}

fn access_control(answer: &Answer) -> Vec<&str> {
    let names = answer.headers.iter().map(|(name, _)| name.as_str());
    names.filter(|name| name.to_lowercase().starts_with("access-control")).collect()
}

/// The answer without the headers that differ from one request to the next.
fn comparable(answer: &Answer) -> String {
    let mut answer = answer.clone();
    answer.headers.retain(|(name, _)| !["date", "x-request-id"].contains(&name.to_lowercase().as_str()));
    answer.headers.sort();
    format!("{answer:?}")
}

on_both! {
    fn preflights_are_answered_without_credentials(db) {
        let app = for_pages(db);
        for (method, path) in OPEN.into_iter().chain([("POST", "/introspect/batch"), ("GET", "/tokens")]) {
            for requested in ["authorization, content-type", "x-anything"] {
                let request = preflight(path, PAGE, method).header("Access-Control-Request-Headers", requested);
                let answer = app.send(request);
                assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}: {answer:?}");
                assert_readable(&answer, PAGE);
                let methods = ["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"];
                assert_eq!(words(&answer, "Access-Control-Allow-Methods"), set(&methods));
                let headers = ["accept", "authorization", "content-type", "user-agent", "x-csrftoken", "x-requested-with"];
                assert_eq!(words(&answer, "Access-Control-Allow-Headers"), set(&headers));
                assert_eq!(answer.header("Access-Control-Max-Age").as_deref(), Some("86400"));
                assert!(answer.header("X-Request-Id").is_some());
            }
        }
        assert_readable(&app.send(preflight("/me", "http://localhost:3000", "TRACE")), "http://localhost:3000");
    }

    fn a_page_can_log_in_and_read_the_answer(db) {
        let app = for_pages(db);
        app.alice();
        let post = |path: &str| Request::new("POST", path).header("Origin", PAGE);
        let answer = app.send(post("/api-token-auth/").json(&json!({"username": ALICE.0, "password": ALICE.1})));
        assert_readable(&answer, PAGE);
        let key = answer.json()["token"].as_str().unwrap().to_owned();
        let me = app.send(Request::new("GET", "/me").token(&key).header("Origin", PAGE));
        assert_eq!((me.status, &me.json()["username"]), (200, &json!("alice")));
        assert_readable(&me, PAGE);
        assert_eq!(words(&me, "Access-Control-Expose-Headers"), set(&["retry-after", "x-request-id"]));
        let out = app.send(post("/logout/").token(&key));
        assert_eq!(out.status, 204);
        assert_readable(&out, PAGE);
    }

    fn pages_can_read_refusals_too(db) {
        let settings = [("JETON_CORS_ORIGINS", PAGE), ("JETON_LOGIN_LIMIT_USER", "1/min")];
        let app = App::with(db, &settings);
        let post = |path: &str| Request::new("POST", path).header("Origin", PAGE);
        let wrong = json!({"username": "alice", "password": "wrong"});
        for (status, request) in [
            (400, post("/api-token-auth/").json(&wrong)),
            (429, post("/api-token-auth/").json(&wrong)),
            (415, post("/api-token-auth/").body("text/plain", "x")),
            (413, post("/api-token-auth/").body("application/json", "x".repeat(70_000))),
            (405, Request::new("GET", "/api-token-auth/").header("Origin", PAGE)),
            (406, post("/api-token-auth/").header("Accept", "text/html")),
            (401, Request::new("GET", "/me").header("Origin", PAGE)),
            (401, post("/introspect").form(&[("token", "x")])),
            (400, post("/introspect").basic(CLIENT.0, CLIENT.1)),
            (405, Request::new("PUT", "/tokens/").header("Origin", PAGE)),
            (404, Request::new("GET", "/tokens/1/2/3").header("Origin", PAGE)),
        ] {
            let answer = app.send(request);
            assert_eq!(answer.status, status, "{answer:?}");
            assert_readable(&answer, PAGE);
        }
    }

    fn repeated_introspections_still_have_cors_headers_for_pages(db) {
        let app = for_pages(db);
        let key = app.alice();
        let plain = || Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1).form(&[("token", &key)]);
        for _ in 0..5 {
            assert_eq!(app.send(plain()).headers_named("Vary"), Vec::<String>::new());
            assert_readable(&app.send(plain().header("Origin", PAGE)), PAGE);
        }
    }

    fn other_origins_get_no_cors_headers(db) {
        let app = for_pages(db);
        let without = app.node(&[("JETON_WORKERS", "1")]);
        let key = app.alice();
        for (method, path) in OPEN {
            for origin in [STRANGER, "null", "https://app.example.com.evil.test", "http://app.example.com", "https://APP.example.com", ""] {
                let answer = app.send(preflight(path, origin, method));
                assert_eq!(comparable(&answer), comparable(&without.send(preflight(path, origin, method))), "{origin} {path}");
                assert_eq!(access_control(&answer), Vec::<&str>::new());
            }
        }
        let me = app.send(Request::new("GET", "/me").token(&key).header("Origin", STRANGER));
        assert_eq!((me.status, access_control(&me)), (200, vec![]));
        assert_eq!(me.headers_named("Vary"), ["origin"], "a cached answer must not be given to allowed origins");
        let two = Request::new("GET", "/me").token(&key).header("Origin", STRANGER).header("Origin", PAGE);
        assert_eq!(access_control(&app.send(two)), Vec::<&str>::new());
    }

    fn no_page_of_another_origin_can_use_the_admin_api(db) {
        let app = for_pages(db);
        let without = app.node(&[("JETON_WORKERS", "1")]);
        for path in CLOSED {
            let request = || preflight(path, PAGE, "GET").header("X-Forwarded-For", "192.0.2.1");
            if path != "/metrics" {
                assert_eq!(comparable(&app.send(request())), comparable(&without.send(request())), "{path}");
            }
            let answer = app.send(Request::new("GET", path).header("Origin", PAGE));
            assert_eq!((access_control(&answer), answer.header("Vary")), (vec![], None), "{path}");
        }
    }

    fn without_the_setting_there_are_no_cors_headers(db) {
        let app = App::start(db);
        let key = app.alice();
        for request in [
            preflight("/me", PAGE, "GET"),
            preflight("/api-token-auth/", PAGE, "POST"),
            Request::new("GET", "/me").token(&key).header("Origin", PAGE),
            Request::new("GET", "/me").header("Origin", PAGE),
        ] {
            let answer = app.send(request);
            assert_eq!((access_control(&answer), answer.header("Vary")), (vec![], None), "{answer:?}");
        }
    }

    fn a_page_may_send_its_key_in_a_header_of_jeton_key_headers(db) {
        let app = App::with(db, &[("JETON_CORS_ORIGINS", PAGE), ("JETON_KEY_HEADERS", "X-Api-Key")]);
        let answer = app.send(preflight("/me", PAGE, "GET").header("Access-Control-Request-Headers", "x-api-key"));
        assert!(words(&answer, "Access-Control-Allow-Headers").contains("x-api-key"), "{answer:?}");
    }
}
