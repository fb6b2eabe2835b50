//! What a client sends to be taken for another, or its request for another, past the names of the identity headers.

use super::gateway::{Gateway, Kind};
use super::upstream::{Received, Upstream};
use crate::behind_each;
use crate::support::http::{self, Answer, Request};

/// A gateway before a service; jeton says yes to everything, and nothing else.
struct Open {
    _jeton: Upstream,
    service: Upstream,
    gateway: Gateway,
}

impl Open {
    fn start(kind: Kind) -> Self {
        let (jeton, service) = (Upstream::start(), Upstream::start());
        let gateway = Gateway::start(kind, jeton.addr, service.addr);
        Self { _jeton: jeton, service, gateway }
    }

    /// What the service got of a request.
    #[track_caller]
    fn passed(&self, request: Request) -> Received {
        assert_eq!(self.gateway.send(request).status, 200);
        let mut received = self.service.received();
        assert_eq!(received.len(), 1);
        received.remove(0)
    }
}

const TARGETS: [&str; 3] = ["/things", "/reports/2026", "/public/things"];

behind_each! {
    // Some frameworks serve what these name in place of the path that the gateway has judged.
    fn no_header_names_another_path(kind) {
        let open = Open::start(kind);
        for target in TARGETS {
            for name in ["X-Original-URL", "X-Original-URI", "X-Rewrite-URL", "x-original-url", "X_ORIGINAL_URL"] {
                let received = open.passed(Request::new("GET", target).header(name, "/reports/forged"));
                assert_eq!(received.target, target);
                assert!(!format!("{received:?}").contains("forged"), "{name}: {received:#?}");
            }
        }
    }

    fn the_service_hears_from_the_gateway_where_a_request_came_from(kind) {
        let open = Open::start(kind);
        for target in TARGETS {
            let request = Request::new("GET", target)
                .header("X-Forwarded-For", "203.0.113.7")
                .header("X-Forwarded-Proto", "forged")
                .header("X-Forwarded-Host", "forged")
                .header("X-Real-IP", "forged")
                .header("X_Forwarded_Proto", "forged")
                .header("X.Forwarded.For", "203.0.113.8")
                .header("X_Forwarded_For", "203.0.113.8")
                .header("Forwarded", "for=203.0.113.7;proto=forged;host=forged");
            let received = open.passed(request);
            assert!(!format!("{received:?}").contains("203.0.113.8"), "under another name: {received:#?}");
            let hops = received.headers_named("X-Forwarded-For").join(",");
            assert!(!hops.is_empty() && !hops.ends_with("203.0.113.7"), "the last is who spoke to the gateway: {hops}");
            assert_eq!(received.headers_named("X-Forwarded-Proto"), ["http"]);
            assert!(!format!("{received:?}").contains("forged"), "{received:#?}");
        }
    }

    fn nothing_comes_behind_a_body(kind) {
        let open = Open::start(kind);
        let sent = |to, announced: bool| {
            let request = Request::new("POST", "/things").header("Transfer-Encoding", "chunked").header("TE", "trailers");
            let request = if announced { request.header("Trailer", "X-Auth-User, Remote-User") } else { request };
            let mut bytes = request.bytes(to);
            bytes.extend(b"4\r\nbody\r\n0\r\nX-Auth-User: forged\r\nRemote-User: forged\r\n\r\n");
            assert_eq!(Answer::parse("POST", &http::raw(to, &bytes)).unwrap().status, 200);
            let received = open.service.received();
            assert_eq!((received.len(), received[0].body.as_slice()), (1, b"body".as_slice()));
            received[0].trailers.clone()
        };
        for announced in [true, false] {
            assert_eq!(sent(open.service.addr, announced).len(), 2, "the service would get them");
            assert_eq!(sent(open.gateway.addr, announced), Vec::<String>::new(), "{announced}");
        }
    }
}
