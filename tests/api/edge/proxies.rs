//! Forwarding headers: which proxies are trusted, and which values count.

use serde_json::json;

use crate::on_both;
use crate::support::app::{App, Kind};
use crate::support::console::Visit;
use crate::support::http::{Answer, Request};

const METADATA: &str = "/.well-known/oauth-authorization-server";

/// An app that trusts the tests' own address as a proxy's.
fn behind_a_proxy(db: Kind) -> App {
    App::with(db, &[("JETON_TRUSTED_PROXIES", "127.0.0.0/8,10.0.0.0/8")])
}

type Headers<'a> = &'a [(&'a str, &'a [u8])];

fn get(app: &App, path: &str, headers: Headers) -> Answer {
    app.send(headers.iter().fold(Request::new("GET", path), |request, (name, value)| request.header(name, value)))
}

/// The issuer in the metadata, which depends on the request.
#[track_caller]
fn issuer(app: &App, headers: Headers) -> String {
    let answer = get(app, METADATA, headers);
    assert_eq!(answer.status, 200, "{headers:?}: {answer:?}");
    answer.json()["issuer"].as_str().unwrap().to_owned()
}

/// The client's address in the audit log, after a failed login with these headers.
fn audited_address(app: &App, headers: Headers) -> serde_json::Value {
    let request = Request::new("POST", "/api-token-auth/").json(&json!({"username": "nobody", "password": "wrong"}));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    assert_eq!(app.send(request).status, 400);
    app.list("/admin/audit/?action=login.failed")[0]["address"].clone()
}

on_both! {
    fn the_client_is_the_nearest_address_that_is_not_a_trusted_proxy(db) {
        let app = behind_a_proxy(db);
        let cases: &[(Headers, Option<&str>)] = &[
            (&[("X-Forwarded-For", b"203.0.113.9")], Some("203.0.113.9")),
            (&[("X-Forwarded-For", b"203.0.113.9:51234")], Some("203.0.113.9")),
            (&[("X-Forwarded-For", b"[2001:db8::1]:443")], Some("2001:db8::1")),
            (&[("X-Forwarded-For", b"\"[2001:db8::1]:443\", 10.0.0.1:80")], Some("2001:db8::1")),
            (&[("X-Forwarded-For", b"\xff\xfe\x80, 203.0.113.9")], Some("203.0.113.9")),
            (&[("X-Forwarded-For", b"\xff"), ("X-Forwarded-For", b"203.0.113.9, 10.0.0.1")], Some("203.0.113.9")),
            (&[("X-Forwarded-For", b"unknown, 203.0.113.9, ")], Some("203.0.113.9")),
            // The value at the client's position is not an address. The client is then unknown, and not the proxy.
            (&[("X-Forwarded-For", b"203.0.113.9, unknown")], None),
            (&[("X-Forwarded-For", b"203.0.113.9, \xff, 10.0.0.1")], None),
            (&[("X-Forwarded-For", b"10.0.0.9, 10.0.0.1")], Some("10.0.0.9")),
            (&[("X-Forwarded-For", b" , ")], Some("127.0.0.1")),
            (&[("Forwarded", b"for=203.0.113.9"), ("X-Real-IP", b"203.0.113.9")], Some("127.0.0.1")),
            (&[("Forwarded", b"for=198.51.100.1"), ("X-Forwarded-For", b"203.0.113.9")], Some("203.0.113.9")),
        ];
        for (headers, expected) in cases {
            assert_eq!(audited_address(&app, headers), json!(expected), "{headers:?}");
        }
    }

    fn clients_without_a_readable_address_share_one_limit(db) {
        let settings = [("JETON_TRUSTED_PROXIES", "127.0.0.1"), ("JETON_LOGIN_LIMIT_ADDRESS", "2/min")];
        let app = App::with(db, &settings);
        let fail = |hop: &str| {
            let request = Request::new("POST", "/api-token-auth/").header("X-Forwarded-For", hop);
            app.send(request.json(&json!({"username": "nobody", "password": "wrong"}))).status
        };
        assert_eq!(["unknown", "_hidden", "unknown"].map(fail), [400, 400, 429]);
        assert_eq!(["203.0.113.9:1", "203.0.113.9:2", "203.0.113.9"].map(fail), [400, 400, 429], "whatever the port");
        assert_eq!(["127.0.0.1", "203.0.113.8"].map(fail), [400, 400]);
    }

    fn a_client_cannot_choose_the_scheme_or_host_of_links(db) {
        let app = behind_a_proxy(db);
        let host = app.addr.to_string();
        let here = format!("http://{host}");
        let cases: &[(Headers, &str)] = &[
            (&[("X-Forwarded-Proto", b"https"), ("X-Forwarded-Host", b"tokens.example.com")], "https://tokens.example.com"),
            (&[("X-Forwarded-Proto", b"HTTPS"), ("Host", b"tokens.example.com:8443")], "https://tokens.example.com:8443"),
            (&[("Forwarded", b"host=evil.test;proto=https")], &here),
            (&[("Forwarded", b"host=evil.test"), ("X-Forwarded-Host", b"tokens.example.com")], "http://tokens.example.com"),
            // The proxy appends its value to the client's, so only the last value counts.
            (&[("X-Forwarded-Proto", b"https, http"), ("X-Forwarded-Host", b"evil.test, tokens.example.com")], "http://tokens.example.com"),
            (&[("X-Forwarded-Host", b"evil.test"), ("X-Forwarded-Host", b"tokens.example.com")], "http://tokens.example.com"),
            (&[("X-Forwarded-Host", b"\xff, tokens.example.com")], "http://tokens.example.com"),
            (&[("X-Forwarded-Host", b"a\"b<c")], &here),
            (&[("X-Forwarded-Host", b"\xff")], &here),
            (&[("X-Forwarded-Host", b"evil.test/x?")], &here),
            (&[("X-Forwarded-Host", b"user@evil.test")], &here),
            (&[("X-Forwarded-Host", b"a b"), ("Host", b"a\"b<c")], &here),
            (&[("Host", b"a\"b<c")], &here),
            (&[("X-Forwarded-Host", b"[2001:db8::1]:443")], "http://[2001:db8::1]:443"),
        ];
        for (headers, expected) in cases {
            assert_eq!(issuer(&app, headers), *expected, "{headers:?}");
        }
        let key = app.admin_token();
        let request = Request::new("GET", "/admin/audit/?page_size=1").token(&key).header("Forwarded", "host=evil.test");
        assert!(app.send(request.clone()).json()["next"].as_str().unwrap().starts_with(&here));
        let next = app.send(request.header("X-Forwarded-Host", "evil.test\"><")).json();
        assert!(next["next"].as_str().unwrap().starts_with(&here));
    }

    fn the_cookie_is_secure_only_if_a_trusted_proxy_says_https(db) {
        let app = behind_a_proxy(db);
        let is_secure = |app: &App, name: &str, value: &str| {
            let mut visit = Visit::new(app).with(name, value);
            let cookie = visit.get("/console/sign-in").header("Set-Cookie").unwrap();
            assert_eq!(cookie.starts_with("__Secure-"), cookie.contains("; Secure"), "{cookie}");
            cookie.contains("; Secure")
        };
        assert!(is_secure(&app, "X-Forwarded-Proto", "https"));
        assert!(!is_secure(&app, "X-Forwarded-Proto", "https, http"));
        assert!(is_secure(&app, "X-Forwarded-Proto", "http,https"));
        assert!(!is_secure(&app, "Forwarded", "proto=https"));
        assert!(!is_secure(&app.node(&[]), "X-Forwarded-Proto", "https"));
    }

    fn metadata_that_depends_on_the_host_is_sent_with_no_store(db) {
        let app = App::start(db);
        assert_eq!(get(&app, METADATA, &[]).header("Cache-Control").as_deref(), Some("no-store"));
        let app = App::with(db, &[("JETON_ISSUER", "https://tokens.example.com")]);
        assert_eq!(get(&app, METADATA, &[]).header("Cache-Control"), None);
    }
}
