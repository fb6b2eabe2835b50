//! `/auth/verify`: forward-auth for gateways.

mod demands;
mod headers;
mod preflight;

use std::time::Duration;

use serde_json::json;

use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::calls::PASSWORD;
use crate::support::http::{self, Answer, Request};

const IDENTITY: [&str; 10] = [
    "X-Auth-User",
    "X-Auth-User-Id",
    "X-Auth-Email",
    "X-Auth-Groups",
    "X-Auth-Scope",
    "X-Auth-Token-Id",
    "X-Auth-Token-Expires",
    "Remote-User",
    "Remote-Email",
    "Remote-Groups",
];

fn verify(app: &App, path: &str, key: &str) -> Answer {
    app.send(Request::new("GET", path).token(key))
}

/// A named token of the holder of `key`.
fn named(app: &App, key: &str, scope: &str) -> String {
    let body = json!({"name": "ci", "scope": scope});
    app.name_token(key, &body)["token"].as_str().unwrap().to_owned()
}

#[track_caller]
fn assert_refused(answer: &Answer, detail: &str) {
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(answer.text(), json!({ "detail": detail }).to_string());
    assert_eq!(answer.headers_named("WWW-Authenticate"), ["Token"]);
    assert_eq!(answer.headers_named("Cache-Control"), ["no-store"]);
    for name in IDENTITY {
        assert_eq!(answer.header(name), None, "{name} in {answer:?}");
    }
}

on_both! {
    fn any_method_on_any_path_below_auth_verify_is_answered(db) {
        let app = App::start(db);
        let key = app.admin_token();
        let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "PROPFIND"];
        let paths = [
            "/auth/verify",
            "/auth/verify/",
            "/auth/verify/reports/2026",
            "/auth/verify/reports/2026/",
            "/auth/verify//reports",
            "/auth/verify/a%0Ab/%FF/%zz/%2F",
            "/auth/verify/?path=/reports&page=2",
        ];
        for method in methods {
            for path in paths {
                let good = app.send(Request::new(method, path).token(&key));
                assert_eq!((good.status, good.body.len()), (200, 0), "{method} {path}: {good:?}");
                assert_eq!(good.header("X-Auth-User").as_deref(), Some(ADMIN.0), "{method} {path}");
                let none = app.send(Request::new(method, path));
                assert_eq!(none.status, 401, "{method} {path}: {none:?}");
                assert_eq!(none.header("WWW-Authenticate").as_deref(), Some("Token"), "{method} {path}");
            }
        }
    }

    fn no_path_below_leads_to_another_route(db) {
        let app = App::start(db);
        for path in ["../../healthz", "..%2F..%2Fhealthz", "%2e%2e/%2e%2e/healthz", "//../../healthz", "x/../../../healthz"] {
            let answer = app.send(Request::new("GET", &format!("/auth/verify/{path}")));
            assert_refused(&answer, "Authentication credentials were not provided.");
        }
        assert_eq!(app.send(Request::new("GET", "/auth/verifying")).status, 404);
    }

    fn callers_without_a_valid_token_are_refused_with_drf_s_messages(db) {
        let app = App::start(db);
        let sent = |authorization: &str| {
            app.send(Request::new("GET", "/auth/verify").header("Authorization", authorization))
        };
        let none = app.send(Request::new("GET", "/auth/verify"));
        assert_refused(&none, "Authentication credentials were not provided.");
        assert_refused(&sent("Basic ZGVtbzpkZW1v"), "Authentication credentials were not provided.");
        assert_refused(&sent("Token"), "Invalid token header. No credentials provided.");
        assert_refused(&sent("Bearer a b"), "Invalid token header. Token string should not contain spaces.");
        assert_refused(&sent(&format!("Token {}", "0".repeat(40))), "Invalid token.");
        assert_refused(&sent("Bearer nonsense"), "Invalid token.");
    }

    fn expired_and_revoked_tokens_and_tokens_of_inactive_users_are_refused(db) {
        let app = App::start(db);
        app.create_user("alice", PASSWORD, &json!({}));
        let login = app.login("alice", PASSWORD);
        let body = json!({"name": "short", "scope": "", "expires_in": 60});
        let short = app.name_token(&login, &body);
        let short = short["token"].as_str().unwrap();
        app.clock.advance(Duration::from_secs(59));
        assert_eq!(verify(&app, "/auth/verify", short).status, 200);
        app.clock.advance(Duration::from_secs(1));
        assert_refused(&verify(&app, "/auth/verify", short), "Invalid token.");

        assert_eq!(verify(&app, "/auth/verify", &login).status, 200);
        let renewed = app.regenerate("alice");
        assert_refused(&verify(&app, "/auth/verify", &login), "Invalid token.");
        assert_eq!(verify(&app, "/auth/verify", &renewed).status, 200);

        app.sql("update users set is_active = false where username = 'alice'");
        assert_refused(&verify(&app, "/auth/verify", &renewed), "User inactive or deleted.");
    }

    fn the_body_of_the_request_is_neither_needed_nor_awaited(db) {
        let app = App::start(db);
        let post = || Request::new("POST", "/auth/verify").token(&app.admin_token());
        assert_eq!(app.send(post().raw_body(b"{no json".as_slice())).status, 200);
        assert_eq!(app.send(post().body("multipart/form-data", "no boundary")).status, 200);
        // A gateway may copy the `Content-Length` of its client's request and send no body.
        let announced = post().header("Content-Length", "5000000").bytes(app.addr);
        let answer = Answer::parse("POST", &http::raw(app.addr, &announced)).unwrap();
        assert_eq!(answer.status, 200);
    }

    fn the_challenge_names_the_first_keyword(db) {
        let app = App::with(db, &[("JETON_AUTH_KEYWORDS", "Bearer,Token")]);
        let answer = app.send(Request::new("GET", "/auth/verify"));
        assert_eq!((answer.status, answer.header("WWW-Authenticate").as_deref()), (401, Some("Bearer")));
    }
}
