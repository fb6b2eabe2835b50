//! Preflights of browsers, which carry no token: through each gateway to the service, as nobody's, where jeton lets them.

use super::gateway::{Gateway, Kind};
use super::upstream::Upstream;
use super::{IDENTITY, NONE, Site, assert_refused};
use crate::behind_each;
use crate::support::http::Request;

fn preflight(target: &str) -> Request {
    let request = Request::new("OPTIONS", target).header("Origin", "https://app.example.com");
    request.header("Access-Control-Request-Method", "PUT").header("Access-Control-Request-Headers", "authorization")
}

behind_each! {
    fn the_service_answers_them_where_jeton_lets_them_pass(gateway) {
        let site = Site::with(gateway, &[("JETON_VERIFY_PREFLIGHT", "true")]);
        for target in ["/things/1", "/reports/2026"] {
            let answer = site.gateway.send(preflight(target).header("X-Auth-User", "admin").header("Remote-User", "admin"));
            assert_eq!((answer.status, answer.text().as_str()), (200, "served"), "{target}");
            let received = site.service.received();
            assert_eq!((received.len(), received[0].method.as_str(), received[0].target.as_str()), (1, "OPTIONS", target));
            for name in IDENTITY {
                let said = received[0].headers_named(name);
                assert!(said.iter().all(|value| value.is_empty()), "{name}: {said:?}");
            }
        }
        // Nobody else passes, whatever they say of themselves.
        for request in [
            Request::new("OPTIONS", "/things/1"),
            Request::new("GET", "/things/1")
                .header("Origin", "https://app.example.com")
                .header("Access-Control-Request-Method", "PUT")
                .header("X-Forwarded-Method", "OPTIONS")
                .header("X-Original-Method", "OPTIONS"),
            Request::new("DELETE", "/things/1")
                .header("Origin", "https://app.example.com")
                .header("Access-Control-Request-Method", "PUT"),
        ] {
            assert_refused(&site.gateway.send(request), 401, NONE, &site.service);
        }
    }

    fn they_are_refused_where_it_does_not(gateway) {
        let site = Site::start(gateway);
        assert_refused(&site.gateway.send(preflight("/things/1")), 401, NONE, &site.service);
    }

    fn a_body_of_theirs_stays_out_of_the_question(kind) {
        let (jeton, service) = (Upstream::start(), Upstream::start());
        let gateway = Gateway::start(kind, jeton.addr, service.addr);
        let request = preflight("/things").body("text/plain", "a body");
        let answer = gateway.send(request);
        let asked = jeton.received();
        assert_eq!((asked.len(), asked[0].method.as_str(), asked[0].target.trim_end_matches('?')), (1, "OPTIONS", "/auth/verify"));
        // Caddy may show it the body, which it then has no more. No browser sends one.
        if kind != Kind::Caddy {
            assert_eq!((answer.status, asked[0].body.len()), (200, 0));
            assert_eq!(service.received()[0].body, b"a body");
        }
    }
}
