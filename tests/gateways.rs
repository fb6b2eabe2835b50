//! The gateways of `examples/`, run for real, before a service and with jeton beside: nginx and Caddy as Debian has
//! them, Traefik and Envoy as they come in Python packages.

mod asked;
mod changes;
pub mod gateway;
mod keys;
mod preflight;
mod smuggled;
pub mod upstream;

use serde_json::json;

use self::gateway::{Gateway, Kind};
use self::upstream::Upstream;
use crate::behind_each;
use crate::support::app::{self, ADMIN, App};
use crate::support::http::{Answer, Request};

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

struct Site {
    jeton: App,
    service: Upstream,
    gateway: Gateway,
}

impl Site {
    fn start(kind: Kind) -> Self {
        Self::with(kind, &[])
    }

    fn with(kind: Kind, settings: &[(&str, &str)]) -> Self {
        let jeton = App::with(app::Kind::Sqlite, settings);
        // A gateway waits for a jeton that has just begun no longer than for any other.
        jeton.wait_until_synced();
        let service = Upstream::start();
        let gateway = Gateway::start(kind, jeton.addr, service.addr);
        Self { jeton, service, gateway }
    }

    /// The key of a named token of the admin's, and its id.
    fn named(&self, scope: &str) -> (String, String) {
        let answer = self.jeton.name_token(&self.jeton.admin_token(), &json!({"name": "ci", "scope": scope}));
        (answer["token"].as_str().unwrap().to_owned(), answer["id"].to_string())
    }
}

/// Refused by the gateway with jeton's message, and the request did not reach the service.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16, detail: &str, service: &Upstream) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.json(), json!({ "detail": detail }));
    let challenge: &[&str] = if status == 401 { &["Token"] } else { &[] };
    assert_eq!(answer.headers_named("WWW-Authenticate"), challenge);
    assert!(service.received().is_empty());
}

const NONE: &str = "Authentication credentials were not provided.";
const FORBIDDEN: &str = "You do not have permission to perform this action.";

/// What a client may try to be taken for somebody else: a request for every character that a service could read as a dash.
fn forged(target: &str) -> impl Iterator<Item = Request> {
    ["-", "_", ".", "~", "!", "#", "$", "%", "&", "'", "*", "+", "^", "`", "|"]
        .map(|dash| {
            IDENTITY.iter().fold(Request::new("GET", target), |request, name| {
                let request = request.header(&name.replace('-', dash), "forged");
                request.header(&name.to_uppercase().replacen('-', dash, 1), "forged")
            })
        })
        .into_iter()
}

behind_each! {
    fn who_has_no_token_is_refused_in_jetons_words(gateway) {
        let site = Site::start(gateway);
        for request in [
            Request::new("GET", "/"),
            Request::new("DELETE", "/things/1?x=1"),
            Request::new("POST", "/things").json(&json!({"a": 1})),
            Request::new("GET", "/reports/"),
        ] {
            assert_refused(&site.gateway.send(request), 401, NONE, &site.service);
        }
        let bad = site.gateway.send(Request::new("GET", "/").token(&"0".repeat(40)));
        assert_refused(&bad, 401, "Invalid token.", &site.service);
        assert_eq!(site.gateway.send(Request::new("HEAD", "/")).status, 401);
        assert!(site.service.received().is_empty());
    }

    fn the_service_hears_whose_token_it_is_but_not_the_token(gateway) {
        let site = Site::start(gateway);
        let fields = json!({"email": "z@example.com", "groups": ["bureau é", "ops"]});
        site.jeton.create_user("жанна", "seven grey geese", &fields);
        let login = site.jeton.login("жанна", "seven grey geese");
        let body = json!({"name": "ci", "scope": "a b", "expires_in": "1d"});
        let named = site.jeton.name_token(&login, &body);
        let key = named["token"].as_str().unwrap();
        let said = site.jeton.send(Request::new("GET", "/auth/verify").token(key));

        let answer = site.gateway.send(Request::new("GET", "/things/1?x=%20y").header("Authorization", format!("Bearer {key}")));
        assert_eq!((answer.status, answer.text().as_str()), (200, "served"));
        let received = site.service.received();
        assert_eq!(received.len(), 1);
        assert_eq!((received[0].method.as_str(), received[0].target.as_str()), ("GET", "/things/1?x=%20y"));
        for name in IDENTITY {
            let said = said.header(name).unwrap();
            assert!(!said.is_empty(), "{name}");
            assert_eq!(received[0].headers_named(name), [said.as_str()], "{name}");
        }
        assert!(!format!("{received:?}").contains(key));
    }

    fn whoever_is_in_many_groups_passes_too(gateway) {
        let site = Site::start(gateway);
        let groups: Vec<String> = (0..80).map(|number| format!("department of group {number:03}")).collect();
        site.jeton.create_user(&"ж".repeat(150), "seven grey geese", &json!({ "groups": groups }));
        let key = site.jeton.login(&"ж".repeat(150), "seven grey geese");
        assert_eq!(site.gateway.send(Request::new("GET", "/things").token(&key)).status, 200);
        let received = site.service.received();
        assert_eq!(received[0].headers_named("X-Auth-User"), ["%D0%B6".repeat(150)]);
        assert_eq!(received[0].headers_named("Remote-Groups"), [groups.join(",")]);
    }

    fn what_a_client_says_of_itself_never_reaches_the_service(gateway) {
        let site = Site::start(gateway);
        let key = site.jeton.admin_token();
        for target in ["/things", "/public/things"] {
            for request in forged(target) {
                assert_eq!(site.gateway.send(request.token(&key)).status, 200, "{target}");
                let received = site.service.received();
                assert_eq!(received.len(), 1);
                assert!(!format!("{received:?}").contains("forged"), "{received:#?}");
                let user: &[&str] = if target == "/things" { &[ADMIN.0] } else { &[] };
                assert_eq!(received[0].headers_named("X-Auth-User"), user);
                assert_eq!(received[0].headers_named("Remote-User"), user);
            }
        }
        // Nor is what jeton says taken away again on the last step.
        let hop = Request::new("GET", "/things").header("Connection", "close, X-Auth-User, Remote-User");
        assert_eq!(site.gateway.send(hop.token(&key)).status, 200);
        assert_eq!(site.service.received()[0].headers_named("X-Auth-User"), [ADMIN.0]);
    }

    fn nor_when_jeton_says_nothing_about_it(gateway) {
        let (silent, service) = (Upstream::start(), Upstream::start());
        let gateway = Gateway::start(gateway, silent.addr, service.addr);
        for request in ["/things", "/reports/2026", "/public/things"].into_iter().flat_map(forged) {
            assert_eq!(gateway.send(request).status, 200);
            let received = service.received();
            assert_eq!(received.len(), 1);
            assert!(!format!("{received:?}").contains("forged"), "{received:#?}");
        }
    }

    fn an_upload_arrives_whole(gateway) {
        let site = Site::start(gateway);
        let key = site.jeton.admin_token();
        let body: Vec<u8> = (0..5_u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let post = || Request::new("POST", "/things").token(&key);
        let whole: fn(&Gateway, Request, &[u8]) -> Answer = |gateway, request, body| gateway.send(request.raw_body(body));
        for send in [whole, Gateway::send_in_chunks] {
            let answer = send(&site.gateway, post(), &body);
            assert_eq!(answer.status, 200, "{answer:?}");
            let received = site.service.received();
            assert_eq!(received.len(), 1);
            assert!(received[0].body == body, "{} bytes of {}", received[0].body.len(), body.len());
        }
        let refused = site.gateway.send(Request::new("POST", "/things").raw_body(&body[..64 << 10]));
        assert_refused(&refused, 401, NONE, &site.service);
    }

    fn reports_are_for_tokens_with_their_scope(gateway) {
        let site = Site::start(gateway);
        let login = site.jeton.admin_token();
        let (key, _) = site.named("reports:read");
        for target in ["/reports/", "/reports/2026", "/reports/2026?scope=other"] {
            let refused = site.gateway.send(Request::new("GET", target).token(&login));
            assert_refused(&refused, 403, FORBIDDEN, &site.service);
            assert_eq!(site.gateway.send(Request::new("GET", target).token(&key)).status, 200);
            let received = site.service.received();
            assert_eq!((received[0].target.as_str(), received[0].headers_named("X-Auth-Scope")), (target, vec!["reports:read"]));
        }
    }

    fn no_other_spelling_of_a_path_gets_around_its_rule(gateway) {
        let site = Site::start(gateway);
        let login = site.jeton.admin_token();
        for target in ["/reports", "//reports/x", "/./reports/x", "/%2e/reports/x", "/public/../reports/x", "/%72eports/x",
            "/public/..%2freports/x", "/public/%2e%2e/reports/x", "/x/..%2f..%2freports/x", "/reports%2fx",
            // A backslash is a slash for some services, and others cut off what stands behind a semicolon.
            "/public/..%5creports/x", "/public/..\\reports\\x", "/public\\..\\reports/x", "/public/..;/reports/x",
            "/public/..;a=b/reports/x", "/public/..%3b/reports/x", "/public/%2e%2e%3Bx/reports/x", "/x/..;/reports/x"] {
            let answer = site.gateway.send(Request::new("GET", target).token(&login));
            let refused = [301, 307, 400, 403, 418].contains(&answer.status);
            assert!(refused, "{target}: {answer:?}");
            assert!(site.service.received().is_empty(), "{target}");
        }
        // What counts as open reaches the service as nothing else.
        for target in ["/reports/../public/x", "/reports%2f..%2fpublic/x", "/reports/%2e%2e/public/x"] {
            let answer = site.gateway.send(Request::new("GET", target));
            let targets: Vec<String> = site.service.received().into_iter().map(|received| received.target).collect();
            match answer.status {
                200 => assert_eq!(targets, ["/public/x"], "{target}"),
                400 => assert!(targets.is_empty(), "{target}"),
                _ => panic!("{target}: {answer:?}"),
            }
        }
    }

    fn a_revoked_token_is_refused_at_once(gateway) {
        let site = Site::start(gateway);
        let (key, id) = site.named("");
        for _ in 0..3 {
            assert_eq!(site.gateway.send(Request::new("GET", "/things").token(&key)).status, 200);
        }
        assert_eq!(site.service.received().len(), 3);
        assert_eq!(site.jeton.delete(&format!("/tokens/{id}"), &site.jeton.admin_token()).status, 204);
        let refused = site.gateway.send(Request::new("GET", "/things").token(&key));
        assert_refused(&refused, 401, "Invalid token.", &site.service);
    }

    fn without_jeton_nobody_passes(gateway) {
        let Site { jeton, service, gateway } = Site::start(gateway);
        let key = jeton.admin_token();
        assert_eq!(gateway.send(Request::new("GET", "/things").token(&key)).status, 200);
        assert_eq!(service.received().len(), 1);
        drop(jeton);
        for target in ["/things", "/reports/"] {
            let answer = gateway.send(Request::new("GET", target).token(&key));
            assert!((500..600).contains(&answer.status), "{target}: {answer:?}");
            assert!(service.received().is_empty(), "{target}");
        }
        assert_eq!(gateway.send(Request::new("GET", "/public/")).status, 200);
    }
}
