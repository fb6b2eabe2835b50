//! What a gateway asks, seen by somebody in jeton's place.

use super::gateway::{Gateway, Kind};
use super::upstream::{Received, Upstream};
use crate::behind_each;
use crate::support::http::Request;

fn put(target: &str) -> Request {
    Request::new("PUT", target).body("text/plain", "a body").token("some-key")
}

#[track_caller]
fn assert_asks(kind: Kind, asked: &Received, question: &str) {
    assert_eq!(asked.target.trim_end_matches('?'), question);
    // jeton takes any method; these ask by the client's.
    let method = if [Kind::Envoy, Kind::Traefik].contains(&kind) { "PUT" } else { "GET" };
    assert_eq!((asked.method.as_str(), asked.body.len(), asked.more.len()), (method, 0, 0), "{asked:#?}");
    assert_eq!(asked.headers_named("Authorization"), ["Token some-key"]);
}

behind_each! {
    fn jeton_is_asked_without_the_clients_body_and_query(kind) {
        let (jeton, service) = (Upstream::start(), Upstream::start());
        let gateway = Gateway::start(kind, jeton.addr, service.addr);
        for (target, question) in [
            ("/things/1?scope=a&group=b", "/auth/verify"),
            ("/reports/2026?scope=a", "/auth/verify?scope=reports:read"),
        ] {
            assert_eq!(gateway.send(put(target)).status, 200);
            let asked = jeton.received();
            assert_eq!(asked.len(), 1);
            assert_asks(kind, &asked[0], question);
            let received = service.received();
            assert_eq!((received[0].method.as_str(), received[0].target.as_str()), ("PUT", target));
            assert_eq!(received[0].body, b"a body");
        }
    }

    fn nor_does_a_refused_request_leave_its_body_with_jeton(kind) {
        for (status, code) in [("401 Unauthorized", 401), ("403 Forbidden", 403)] {
            let (jeton, service) = (Upstream::answering(status), Upstream::start());
            let gateway = Gateway::start(kind, jeton.addr, service.addr);
            for target in ["/things?scope=a", "/reports/2026?group=a"] {
                let answer = gateway.send(put(target));
                assert_eq!((answer.status, answer.text().as_str()), (code, "served"), "{target}");
                let asked = jeton.received();
                assert!(!asked.is_empty());
                let question = if target.starts_with("/reports") { "/auth/verify?scope=reports:read" } else { "/auth/verify" };
                for asked in &asked {
                    assert_asks(kind, asked, question);
                }
                assert!(service.received().is_empty());
            }
        }
    }

    fn jeton_is_not_asked_about_open_paths(gateway) {
        let (jeton, service) = (Upstream::answering("401 Unauthorized"), Upstream::start());
        let gateway = Gateway::start(gateway, jeton.addr, service.addr);
        assert_eq!(gateway.send(put("/public/things?scope=a")).status, 200);
        assert!(jeton.received().is_empty());
        let received = service.received();
        assert_eq!((received[0].target.as_str(), received[0].body.as_slice()), ("/public/things?scope=a", b"a body".as_slice()));
        assert!(received[0].headers_named("Authorization").is_empty());
    }
}
