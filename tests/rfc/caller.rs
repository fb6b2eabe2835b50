//! Callers: client authentication by RFC 6749, 2.3, at both endpoints.

use std::collections::HashSet;

use serde_json::json;

use crate::on_both;
use crate::support::app::{App, CLIENT};
use crate::support::http::{Request, base64};

const UNKNOWN: &str = "0000000000000000000000000000000000000000";
/// A secret with every character that is special in a form or in Basic, and with characters beyond ASCII.
const ODD_SECRET: &str = "s%41+c=r&t:é /?\u{1f511}%zz-0123456789abcdef";

fn post(path: &str) -> Request {
    Request::new("POST", path)
}

fn header(id: &str, secret: &str) -> String {
    format!("Basic {}", base64(format!("{id}:{secret}").as_bytes()))
}

on_both! {
    fn basic_credentials_are_form_decoded_and_taken_raw_too(db) {
        let app = App::with(db, &[("JETON_BOOTSTRAP_CLIENT_SECRET", ODD_SECRET)]);
        let form = [("token", UNKNOWN)];
        let lower = |text: &str| text.replace("%C3%A9", "%c3%a9");
        let encoded = crate::support::http::encode(ODD_SECRET);
        for (way, authorization) in [
            ("form-encoded", header(CLIENT.0, &encoded)),
            ("in lower case", header(CLIENT.0, &lower(&encoded))),
            ("blanks as %20", header(CLIENT.0, &encoded.replace('+', "%20"))),
            ("as it is", header(CLIENT.0, ODD_SECRET)),
            ("the scheme in another case", header(CLIENT.0, &encoded).replace("Basic", "bASIC")),
        ] {
            for path in ["/introspect", "/revoke"] {
                let answer = app.send(post(path).header("Authorization", &authorization).form(&form));
                assert_eq!(answer.status, 200, "{path}, {way}: {}", answer.text());
            }
        }
        let twice = header(CLIENT.0, &crate::support::http::encode(&encoded));
        assert_eq!(app.send(post("/introspect").header("Authorization", twice).form(&form)).status, 401);
        let fields = [("token", UNKNOWN), ("client_id", CLIENT.0), ("client_secret", ODD_SECRET)];
        assert_eq!(app.send(post("/introspect").form(&fields)).status, 200);
    }

    fn wrong_client_credentials_are_401_with_a_matching_challenge(db) {
        let app = App::start(db);
        let (id, secret) = CLIENT;
        let shorter = &secret[..secret.len() - 1];
        for path in ["/introspect", "/revoke"] {
            let form = [("token", UNKNOWN)];
            for request in [
                post(path).basic(id, shorter).form(&form),
                post(path).basic(id, "").form(&form),
                post(path).basic("", secret).form(&form),
                post(path).basic("DEMO", secret).form(&form),
                post(path).basic(secret, id).form(&form),
                post(path).basic("demo\0", secret).form(&form),
                post(path).header("Authorization", header(id, secret) + " x").form(&form),
                post(path).header("Authorization", format!("Basic {}", base64(id.as_bytes()))).form(&form),
                post(path).header("Authorization", format!("Basic {}", base64(b"\xff:\xff"))).form(&form),
                post(path).header("Authorization", "Digest username=\"demo\"").form(&form),
                post(path).form(&[("token", UNKNOWN), ("client_id", id), ("client_secret", shorter)]),
                post(path).form(&[("token", UNKNOWN), ("client_id", "other"), ("client_secret", secret)]),
            ] {
                let answer = app.send(request);
                assert_eq!((answer.status, answer.json()), (401, json!({"error": "invalid_client"})));
                assert_eq!(answer.header("WWW-Authenticate").as_deref(), Some("Basic realm=\"jeton\""));
            }
        }
    }

    fn two_ways_to_authenticate_at_once_are_refused(db) {
        let app = App::start(db);
        let (id, secret) = CLIENT;
        let fields = [("token", UNKNOWN), ("client_id", id), ("client_secret", secret)];
        let admin = app.admin_token();
        for path in ["/introspect", "/revoke"] {
            // The header is checked before the body is read. If it is valid, different credentials in the body are an error.
            for (request, status) in [
                (post(path).token(&admin), 400),
                (post(path).header("Authorization", "Token"), 401),
                (post(path).basic(id, "wrong"), 401),
                (post(path).basic(id, ""), 401),
                (post(path).basic("other", secret), 401),
                (post(path).header("Authorization", "Basic ?"), 401),
            ] {
                let answer = app.send(request.form(&fields));
                assert_eq!(answer.status, status, "{path}: {answer:?}");
            }
            assert_eq!(app.send(post(path).basic(id, secret).form(&fields[..2])).status, 200, "a client id alone does not authenticate");
        }
    }

    fn the_same_credentials_in_header_and_body_are_accepted(db) {
        let app = App::with(db, &[("JETON_BOOTSTRAP_CLIENT_SECRET", ODD_SECRET)]);
        let key = app.alice();
        let (id, secret) = (CLIENT.0, ODD_SECRET);
        let raw = || header(id, secret);
        for credentials in [&[("client_id", id), ("client_secret", secret)][..], &[("client_secret", secret)]] {
            let fields = [&[("token", key.as_str())], credentials].concat();
            for request in [post("/introspect").basic(id, secret), post("/introspect").header("Authorization", raw())] {
                let answer = app.send(request.form(&fields));
                assert_eq!((answer.status, &answer.json()["username"]), (200, &json!("alice")), "{fields:?}");
            }
        }
        let batch = json!({"tokens": [key], "client_id": id, "client_secret": secret});
        assert_eq!(app.send(post("/introspect/batch").basic(id, secret).json(&batch)).status, 200);
        for path in ["/introspect", "/revoke"] {
            let wrong = [("token", key.as_str()), ("client_id", id), ("client_secret", "wrong")];
            let answer = app.send(post(path).basic(id, "wrong").form(&wrong));
            assert_eq!((answer.status, answer.json()), (401, json!({"error": "invalid_client"})), "{path}");
        }
        assert_eq!(app.get("/me", &key).status, 200, "no request has revoked the token");
    }

    fn credentials_in_the_url_are_ignored(db) {
        let app = App::start(db);
        let key = app.alice();
        let query = format!("client_id={}&client_secret={}", CLIENT.0, CLIENT.1);
        let answer = app.send(post(&format!("/introspect?{query}")).form(&[("token", &key)]));
        assert_eq!((answer.status, answer.json()), (401, json!({"error": "invalid_client"})));
        let answer = app.send(post(&format!("/introspect?token={key}&{query}")));
        assert_eq!(answer.status, 401);
    }

    fn a_callers_own_token_must_be_valid_and_of_staff(db) {
        let app = App::start(db);
        let (alice, admin) = (app.alice(), app.admin_token());
        let introspect = |key: &str| app.send(post("/introspect").token(key).form(&[("token", &alice)]));
        assert_eq!(introspect(&admin).json()["username"], "alice");
        let answer = introspect(&alice);
        let sentence = json!({"detail": "You do not have permission to perform this action."});
        assert_eq!((answer.status, answer.json()), (403, sentence));
        let answer = introspect(UNKNOWN);
        assert_eq!((answer.status, answer.json()), (401, json!({"detail": "Invalid token."})));
        assert_eq!(answer.header("WWW-Authenticate").as_deref(), Some("Token"));
        let bearer = post("/introspect").header("Authorization", format!("Bearer {admin}"));
        assert_eq!(app.send(bearer.form(&[("token", &alice)])).status, 200);
    }

    fn unknown_parameters_are_ignored_however_often_they_come(db) {
        let app = App::start(db);
        let key = app.alice();
        let extra = [("token", key.as_str()), ("x", "1"), ("x", "2"), ("resource", "a"), ("resource", "b")];
        let answer = app.send(post("/introspect").basic(CLIENT.0, CLIENT.1).form(&extra));
        assert_eq!(answer.json()["active"], true);
        assert_eq!(app.send(post("/revoke").basic(CLIENT.0, CLIENT.1).form(&extra)).status, 200);
        assert!(!app.is_good(&key));
    }

    fn a_clients_secret_has_256_random_bits(db) {
        let app = App::start(db);
        let made = |number| app.command(&["client", "create", &format!("c{number}")]).trim().to_owned();
        let secrets: HashSet<String> = (0..5).map(made).collect();
        assert_eq!(secrets.len(), 5);
        for secret in secrets {
            let hex = secret.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(secret.len() >= if hex { 64 } else { 43 }, "{secret}");
        }
    }
}
