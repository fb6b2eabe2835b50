//! `/.well-known/oauth-authorization-server` (RFC 8414), compared with what the endpoints do.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{App, CLIENT, Kind};
use crate::support::calls::ALICE;
use crate::support::http::Request;

const PATH: &str = "/.well-known/oauth-authorization-server";

fn metadata(app: &App, path: &str) -> Value {
    let answer = app.send(Request::new("GET", path));
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    assert_eq!(answer.header("Content-Type").as_deref(), Some("application/json"));
    answer.json()
}

fn expected(issuer: &str, base: &str) -> Value {
    json!({
        "issuer": issuer,
        "response_types_supported": [],
        "grant_types_supported": [],
        "introspection_endpoint": format!("{base}/introspect"),
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "revocation_endpoint": format!("{base}/revoke"),
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
    })
}

fn issued_by(db: Kind, issuer: &str) -> App {
    App::with(db, &[("JETON_ISSUER", issuer)])
}

on_both! {
    fn without_an_issuer_the_metadata_has_the_request_s_host(db) {
        let app = App::start(db);
        let here = format!("http://{}", app.addr);
        assert_eq!(metadata(&app, PATH), expected(&here, &here));
        let answer = app.send(Request::new("GET", PATH).header("Host", "tokens.example.com:8443"));
        let there = "http://tokens.example.com:8443";
        assert_eq!(answer.json(), expected(there, there));
        let key = app.alice();
        assert_eq!(app.introspect(&key).get("iss"), None);
    }

    fn only_a_trusted_proxy_s_headers_count(db) {
        let forwarded = || {
            let request = Request::new("GET", PATH).header("X-Forwarded-Proto", "https");
            request.header("X-Forwarded-Host", "tokens.example.com")
        };
        for (trusted, expected_base) in [
            ("", None),
            ("10.0.0.0/8", None),
            ("127.0.0.0/8", Some("https://tokens.example.com")),
        ] {
            let app = App::with(db, &[("JETON_TRUSTED_PROXIES", trusted)]);
            let here = format!("http://{}", app.addr);
            let base = expected_base.unwrap_or(&here);
            assert_eq!(app.send(forwarded()).json(), expected(base, base), "{trusted}");
        }
    }

    fn with_an_issuer_the_request_s_host_is_ignored(db) {
        let app = issued_by(db, "https://tokens.example.com");
        let answer = app.send(Request::new("GET", PATH).header("Host", "evil.example"));
        assert_eq!(answer.json(), expected("https://tokens.example.com", "https://tokens.example.com"));
        let key = app.alice();
        assert_eq!(app.introspect(&key)["iss"], "https://tokens.example.com");
    }

    fn the_trailing_slash_of_an_issuer_is_kept(db) {
        let app = issued_by(db, "https://tokens.example.com/");
        assert_eq!(metadata(&app, PATH), expected("https://tokens.example.com/", "https://tokens.example.com"));
    }

    fn for_an_issuer_with_a_path_the_well_known_part_comes_before_the_path(db) {
        for issuer in ["https://example.com/auth/v1", "https://example.com/auth/v1/"] {
            let app = issued_by(db, issuer);
            let expected = expected(issuer, "https://example.com/auth/v1");
            assert_eq!(metadata(&app, &format!("{PATH}/auth/v1")), expected);
            assert_eq!(metadata(&app, PATH), expected, "for a proxy that cuts the path off");
            for other in ["auth", "auth/v1/x", "AUTH/v1", "x"] {
                assert_eq!(app.send(Request::new("GET", &format!("{PATH}/{other}"))).status, 404, "{other}");
            }
        }
        let app = App::start(db);
        assert_eq!(app.send(Request::new("GET", &format!("{PATH}/auth"))).status, 404, "there is no such issuer");
    }

    fn anyone_may_read_the_metadata_and_nobody_may_write_it(db) {
        let app = App::start(db);
        assert_eq!(app.send(Request::new("HEAD", PATH)).status, 200);
        assert_eq!(app.send(Request::new("GET", &format!("{PATH}/"))).status, 200);
        assert_eq!(app.send(Request::new("POST", PATH)).status, 405);
    }

    fn the_endpoints_accept_exactly_the_auth_methods_in_the_metadata(db) {
        let app = App::start(db);
        let key = app.alice();
        let metadata = metadata(&app, PATH);
        let here = format!("http://{}", app.addr);
        for endpoint in ["introspection", "revocation"] {
            let url = metadata[format!("{endpoint}_endpoint")].as_str().unwrap();
            let path = url.strip_prefix(&here).unwrap();
            let promised = &metadata[format!("{endpoint}_endpoint_auth_methods_supported")];
            let accepts = |request: Request| app.send(request).status == 200;
            let (id, secret) = CLIENT;
            let post = || Request::new("POST", path);
            let form = [("token", key.as_str()), ("client_id", id), ("client_secret", secret)];
            let ways = [
                ("client_secret_basic", accepts(post().basic(id, secret).form(&form[..1]))),
                ("client_secret_post", accepts(post().form(&form))),
                ("none", accepts(post().form(&form[..2]))),
            ];
            for (method, accepted) in ways {
                let listed = promised.as_array().unwrap().contains(&json!(method));
                assert_eq!(accepted, listed, "{endpoint}: {method}");
            }
        }
        assert!(!app.is_good(&key));
        assert_ne!(app.login(ALICE.0, ALICE.1), key);
    }
}
