//! Preflights of browsers, which carry no credentials: `JETON_VERIFY_PREFLIGHT`.

use super::{IDENTITY, assert_refused};
use crate::on_both;
use crate::support::app::App;
use crate::support::http::Request;

fn preflight(path: &str) -> Request {
    let request = Request::new("OPTIONS", path).header("Origin", "https://app.example.com");
    request.header("Access-Control-Request-Method", "PUT")
}

const NONE: &str = "Authentication credentials were not provided.";

on_both! {
    fn preflights_pass_without_an_identity_if_the_setting_allows_it(db) {
        let app = App::with(db, &[("JETON_VERIFY_PREFLIGHT", "true")]);
        let key = app.admin_token();
        for request in [
            preflight("/auth/verify"),
            preflight("/auth/verify/reports/2026?scope=reports:read"),
            preflight("/auth/verify").token(&key),
        ] {
            let answer = app.send(request);
            assert_eq!((answer.status, answer.body.len()), (200, 0), "{answer:?}");
            for name in IDENTITY {
                assert_eq!(answer.headers_named(name), [""], "{name}");
            }
            assert_eq!(answer.headers_named("Cache-Control"), ["no-store"]);
        }
        // A request that is not a complete preflight, or only claims to be one, needs credentials.
        for request in [
            Request::new("OPTIONS", "/auth/verify"),
            Request::new("OPTIONS", "/auth/verify").header("Origin", "https://app.example.com"),
            Request::new("OPTIONS", "/auth/verify").header("Access-Control-Request-Method", "PUT"),
            Request::new("GET", "/auth/verify")
                .header("Origin", "https://app.example.com")
                .header("Access-Control-Request-Method", "PUT")
                .header("X-Forwarded-Method", "OPTIONS")
                .header("X-HTTP-Method-Override", "OPTIONS"),
        ] {
            assert_refused(&app.send(request), NONE);
        }
    }

    fn preflights_are_refused_by_default(db) {
        let app = App::with(db, &[("JETON_CORS_ORIGINS", "https://app.example.com")]);
        assert_refused(&app.send(preflight("/auth/verify")), NONE);
        assert_eq!(app.send(preflight("/auth/verify").token(&app.admin_token())).status, 200);
    }
}
