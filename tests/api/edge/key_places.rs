//! Keys in other places than `Authorization`: `JETON_KEY_HEADERS`, `JETON_KEY_BASIC`.

use serde_json::json;

use crate::on_both;
use crate::support::app::{ADMIN, App, CLIENT, Kind};
use crate::support::calls::ALICE;
use crate::support::http::{Answer, Request, base64};

const TWO: &str = "Invalid token header. Two different tokens were sent.";
const MISSING: &str = "Authentication credentials were not provided.";

fn with_headers(db: Kind) -> App {
    App::with(db, &[("JETON_KEY_HEADERS", "X-Api-Key,Private-Token")])
}

fn get(path: &str) -> Request {
    Request::new("GET", path)
}

/// HTTP Basic as in RFC 7617: name and password are not form-encoded.
fn basic(request: Request, user: &str, password: &str) -> Request {
    request.header("Authorization", format!("Basic {}", base64(format!("{user}:{password}").as_bytes())))
}

#[track_caller]
fn assert_refused(answer: &Answer, detail: &str) {
    assert_eq!((answer.status, answer.json()), (401, json!({ "detail": detail })));
    assert!(answer.headers_named("WWW-Authenticate").contains(&"Token".to_owned()), "{answer:?}");
}

on_both! {
    fn a_key_may_be_the_value_of_a_header_that_the_operator_chose(db) {
        let app = with_headers(db);
        let (alice, admin) = (app.alice(), app.admin_token());
        for name in ["X-Api-Key", "x-api-key", "PRIVATE-TOKEN"] {
            for path in ["/me", "/tokens/", "/auth/verify", "/auth/verify/below"] {
                assert_eq!(app.send(get(path).header(name, &alice)).status, 200, "{name} {path}");
            }
            assert_eq!(app.send(get("/me").header(name, &alice)).json()["username"], "alice");
            assert_eq!(app.send(get("/admin/users/").header(name, &admin)).status, 200);
            assert_eq!(app.send(get("/admin/users/").header(name, &alice)).status, 403);
            let staff = Request::new("POST", "/introspect").header(name, &admin).form(&[("token", &alice)]);
            assert_eq!(app.send(staff).json()["username"], "alice");
        }
        let verified = app.send(get("/auth/verify").header("X-Api-Key", &alice));
        assert_eq!(verified.header("X-Auth-User").as_deref(), Some("alice"));
        for wrong in ["0".repeat(40), format!("Token {alice}"), format!("{alice} {alice}")] {
            assert_refused(&app.send(get("/me").header("X-Api-Key", wrong)), "Invalid token.");
        }
        assert_refused(&app.send(get("/me").header("X-Api-Key", "")), MISSING);
        let odd = app.send(get("/me").header("X-Api-Key", b"\xff\xfe"));
        assert_refused(&odd, "Invalid token header. Token string should not contain invalid characters.");
        let revoked = Request::new("POST", "/logout/").header("X-Api-Key", &alice);
        assert_eq!(app.send(revoked).status, 204);
        assert!(!app.is_good(&alice));
    }

    fn two_different_keys_in_one_request_are_refused(db) {
        let app = with_headers(db);
        let (alice, admin) = (app.alice(), app.admin_token());
        for path in ["/me", "/auth/verify", "/tokens/"] {
            let same = get(path).token(&alice).header("X-Api-Key", &alice).header("Private-Token", &alice);
            assert_eq!(app.send(same).status, 200, "{path}");
            let empty = get(path).token(&alice).header("X-Api-Key", "");
            assert_eq!(app.send(empty).status, 200, "{path}");
            for two in [
                get(path).token(&alice).header("X-Api-Key", &admin),
                get(path).header("X-Api-Key", &alice).header("Private-Token", &admin),
                get(path).header("X-Api-Key", &alice).header("X-Api-Key", &admin),
                get(path).token(&alice).header("X-Api-Key", "nonsense"),
            ] {
                assert_refused(&app.send(two), TWO);
            }
        }
        let introspect = Request::new("POST", "/introspect").token(&admin).header("X-Api-Key", &alice);
        assert_refused(&app.send(introspect.form(&[("token", &alice)])), TWO);
        let half = get("/me").header("Authorization", "Token").header("X-Api-Key", &alice);
        assert_refused(&app.send(half), "Invalid token header. No credentials provided.");
        // `Authorization` headers that are meant for a gateway or a service.
        let foreign = get("/me").header("Authorization", "Digest x").header("X-Api-Key", &alice);
        assert_eq!(app.send(foreign).status, 200);
        assert_eq!(app.send(basic(get("/auth/verify"), "site", "its password").header("X-Api-Key", &alice)).status, 200);
    }

    fn client_credentials_win_over_a_key_in_another_header(db) {
        let app = with_headers(db);
        let key = app.alice();
        for _ in 0..3 {
            let introspect = || Request::new("POST", "/introspect").header("X-Api-Key", "of its caller");
            let by_basic = introspect().basic(CLIENT.0, CLIENT.1).form(&[("token", &key)]);
            assert_eq!(app.send(by_basic).json()["username"], "alice");
            let form = [("token", key.as_str()), ("client_id", CLIENT.0), ("client_secret", CLIENT.1)];
            assert_eq!(app.send(introspect().form(&form)).json()["username"], "alice");
        }
    }

    fn by_default_keys_are_read_only_from_authorization(db) {
        let app = App::start(db);
        let key = app.alice();
        for path in ["/me", "/auth/verify"] {
            assert_refused(&app.send(get(path).header("X-Api-Key", &key)), MISSING);
            let refused = app.send(basic(get(path), "alice", &key));
            assert_refused(&refused, MISSING);
            assert_eq!(refused.headers_named("WWW-Authenticate"), ["Token"]);
            assert_eq!(app.send(get(path).token(&key).header("X-Api-Key", "other")).status, 200);
        }
    }

    fn the_password_of_basic_may_be_a_key_only_at_auth_verify(db) {
        let app = App::with(db, &[("JETON_KEY_BASIC", "true"), ("JETON_KEY_HEADERS", "X-Api-Key")]);
        let (alice, admin) = (app.alice(), app.admin_token());
        for user in ["alice", "", "__token__", "admin", "a+b%41"] {
            let answer = app.send(basic(get("/auth/verify/npm"), user, &alice));
            assert_eq!((answer.status, answer.header("X-Auth-User").as_deref()), (200, Some("alice")), "{user}");
        }
        assert_eq!(app.send(basic(get("/auth/verify"), &alice, "")).status, 200, "some tools have only one field, for the username");
        let challenges = ["Basic realm=\"jeton\"", "Token"];
        for (answer, detail) in [
            (app.send(get("/auth/verify")), MISSING),
            (app.send(basic(get("/auth/verify"), "", "")), MISSING),
            (app.send(get("/auth/verify").header("Authorization", "Basic ?")), MISSING),
            (app.send(basic(get("/auth/verify"), ALICE.0, ALICE.1)), "Invalid token."),
            (app.send(basic(get("/auth/verify"), &alice, "x")), "Invalid token."),
            (app.send(get("/auth/verify").token("x")), "Invalid token."),
            (app.send(basic(get("/auth/verify"), "x", &alice).header("X-Api-Key", &admin)), TWO),
        ] {
            assert_refused(&answer, detail);
            assert_eq!(answer.headers_named("WWW-Authenticate"), challenges);
            assert_eq!(answer.header("Cache-Control").as_deref(), Some("no-store"));
        }
        let same = basic(get("/auth/verify"), "x", &alice).header("X-Api-Key", &alice);
        assert_eq!(app.send(same).status, 200);
        let me = app.send(basic(get("/me"), ADMIN.0, &admin));
        assert_refused(&me, MISSING);
        assert_eq!(me.headers_named("WWW-Authenticate"), ["Token"]);
        let introspect = basic(Request::new("POST", "/introspect"), "admin", &admin).form(&[("token", &alice)]);
        assert_eq!(app.send(introspect).json(), json!({"error": "invalid_client"}));
    }
}
