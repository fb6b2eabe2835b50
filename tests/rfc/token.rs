//! Answers about tokens, and who gets them: RFC 7662 and RFC 7009.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{App, CLIENT};
use crate::support::calls::ALICE;
use crate::support::http::{Answer, Request};

const UNKNOWN: &str = "0000000000000000000000000000000000000000";
const INACTIVE: &str = "{\"active\":false}";

fn introspect(app: &App, form: &[(&str, &str)]) -> Answer {
    app.send(Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1).form(form))
}

on_both! {
    fn introspection_takes_a_form_by_post_and_nothing_from_the_url(db) {
        let app = App::start(db);
        let key = app.alice();
        assert_eq!(introspect(&app, &[("token", &key)]).json()["active"], true);
        let with_url = |method| Request::new(method, &format!("/introspect?token={key}")).basic(CLIENT.0, CLIENT.1);
        assert_eq!(app.send(with_url("GET")).status, 405);
        let answer = app.send(with_url("POST"));
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")));
        let answer = app.send(with_url("POST").form(&[("token", UNKNOWN)]));
        assert_eq!((answer.status, answer.text().as_str()), (200, INACTIVE), "the body counts");
    }

    fn revocation_takes_a_form_by_post_and_nothing_from_the_url(db) {
        let app = App::start(db);
        let key = app.alice();
        let with_url = |method| Request::new(method, &format!("/revoke?token={key}"));
        for request in [with_url("GET"), with_url("POST"), with_url("POST").form(&[("token", UNKNOWN)])] {
            app.send(request.clone());
            app.send(request.basic(CLIENT.0, CLIENT.1));
        }
        assert!(app.is_good(&key));
        assert_eq!(app.send(Request::new("POST", "/revoke").form(&[("token", &key)])).status, 200);
        assert!(!app.is_good(&key));
    }

    fn a_missing_or_doubled_token_is_an_invalid_request(db) {
        let app = App::start(db);
        let key = app.alice();
        for path in ["/introspect", "/revoke"] {
            for body in [String::new(), "token=".into(), "token".into(), "x=y".into(), format!("token={key}&token={key}")] {
                let request = Request::new("POST", path).basic(CLIENT.0, CLIENT.1);
                let answer = app.send(request.body("application/x-www-form-urlencoded", body.clone()));
                assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")), "{path} {body}");
                assert!(answer.json()["error_description"].is_string());
            }
        }
        let empty_beside = format!("token=&token={key}&token_type_hint=&token_type_hint=");
        let request = Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1);
        let answer = app.send(request.body("application/x-www-form-urlencoded", empty_beside));
        assert_eq!(answer.json()["active"], true, "an empty parameter counts as missing");
    }

    fn a_token_type_hint_is_ignored(db) {
        let app = App::start(db);
        app.alice();
        for hint in ["access_token", "refresh_token", "no_such_type", "\u{1f511}", ""] {
            let key = app.login(ALICE.0, ALICE.1);
            let form = [("token", key.as_str()), ("token_type_hint", hint)];
            assert_eq!(introspect(&app, &form).json(), app.introspect(&key), "{hint}");
            let answer = app.send(Request::new("POST", "/revoke").basic(CLIENT.0, CLIENT.1).form(&form));
            assert_eq!(answer.status, 200, "{hint}");
            assert_eq!(introspect(&app, &form).text(), INACTIVE, "{hint}");
        }
    }

    fn introspection_needs_credentials(db) {
        let app = App::start(db);
        let key = app.alice();
        let post = || Request::new("POST", "/introspect");
        let refused = |request: Request| {
            let answer = app.send(request);
            let mut headers = answer.headers.clone();
            headers.retain(|(name, _)| !["date", "x-request-id"].contains(&name.to_lowercase().as_str()));
            headers.sort(); // their order does not matter
            (answer.status, headers, answer.text())
        };
        let of_good = refused(post().form(&[("token", &key)]));
        assert_eq!((of_good.0, of_good.2.as_str()), (401, "{\"error\":\"invalid_client\"}"));
        for request in [
            post().form(&[("token", UNKNOWN)]),
            post().form(&[("token", "")]),
            post().form(&[]),
            post(),
            post().json(&json!({ "token": key })),
            post().json(&json!([1])),
            post().body("application/json", "{"),
            post().form(&[("token", &key), ("client_id", CLIENT.0)]),
        ] {
            assert_eq!(refused(request), of_good, "every refusal is the same");
        }
    }

    fn an_active_token_has_the_registered_members(db) {
        let app = App::with(db, &[("JETON_TOKEN_TTL", "10h"), ("JETON_LOGIN_SCOPE", "a b"), ("JETON_ISSUER", "https://x.example")]);
        let key = app.alice();
        let answer = introspect(&app, &[("token", &key)]);
        assert_eq!((answer.status, answer.header("Content-Type").as_deref()), (200, Some("application/json")));
        let answer = answer.json();
        let id = answer["user_id"].as_i64().unwrap();
        let expected = json!({
            "active": true, "token_type": "Bearer", "sub": id.to_string(), "username": "alice", "scope": "a b",
            "iat": 1_750_000_000, "exp": 1_750_036_000, "jti": answer["jti"].as_str().unwrap(),
            "iss": "https://x.example", "user_id": id, "email": "", "is_staff": false, "is_superuser": false, "groups": [],
        });
        assert_eq!(answer, expected);
        let order = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(order(&answer), order(&expected));
    }

    fn every_inactive_token_gets_the_same_answer(db) {
        let app = App::with(db, &[("JETON_TOKEN_TTL", "10h")]);
        let expired = app.alice();
        app.clock.advance(std::time::Duration::from_hours(10));
        let revoked = app.login(ALICE.0, ALICE.1);
        app.revoke(&revoked);
        let inactive = app.login(ALICE.0, ALICE.1);
        app.command(&["user", "deactivate", "alice"]);
        app.create_user("bob", ALICE.1, &json!({}));
        let deleted = app.login("bob", ALICE.1);
        app.command(&["user", "delete", "--yes", "bob"]);
        let long = "x".repeat(5000);
        for key in [&expired, &revoked, &inactive, &deleted, UNKNOWN, " ", "a\0b", "ключ", "'", &long] {
            let answer = introspect(&app, &[("token", key)]);
            assert_eq!((answer.status, answer.text().as_str()), (200, INACTIVE), "{key:?}");
            assert_eq!(answer.header("Content-Type").as_deref(), Some("application/json"));
            assert_eq!(answer.header("WWW-Authenticate"), None);
        }
    }

    fn a_revoked_token_is_inactive_at_once_on_every_node(db) {
        let app = App::start(db);
        let other = app.node(&[]);
        app.alice();
        for _ in 0..20 {
            let key = app.login(ALICE.0, ALICE.1);
            assert_eq!((app.introspect(&key)["active"].clone(), other.introspect(&key)["active"].clone()), (json!(true), json!(true)));
            assert_eq!(app.revoke(&key).status, 200);
            assert!(!app.is_good(&key), "at the node that revoked it");
            // At other nodes this may take as long as JETON_REVOCATION_BOUND.
            crate::support::eventually("the end of the token at the other node", std::time::Duration::from_secs(1), || {
                (other.introspect(&key)["active"] == json!(false)).then_some(())
            });
            assert!(!other.is_good(&key));
        }
    }

    fn errors_have_only_the_characters_that_rfc_6749_allows(db) {
        let app = App::start(db);
        let key = app.alice();
        app.command(&["client", "create", "other"]);
        app.sql("update tokens set client = 'other'");
        let (client, form) = ((CLIENT.0, CLIENT.1), "application/x-www-form-urlencoded");
        let (mut errors, mut described) = (BTreeSet::new(), BTreeSet::new());
        for path in ["/introspect", "/introspect/batch", "/revoke"] {
            let post = || Request::new("POST", path).basic(client.0, client.1);
            for request in [
                Request::new("POST", path).basic(client.0, "\"\\é"),
                Request::new("POST", path).token(&key).form(&[("client_secret", "\"\\é")]),
                post().form(&[("client_id", "\"\\é")]),
                post().body(form, format!("token={key}&token=\"\\é")),
                post().body("text/\"\\é", "token=\"\\é"),
                post().json(&json!({"token": 1, "tokens": [1]})),
                post().json(&json!({"tokens": "\"\\é"})),
                post().json(&json!({"tokens": vec!["\"\\é"; 1001]})),
                post().body("application/json", "\"\\é"),
                post().raw_body("token=\"\\é"),
                post(),
            ] {
                let answer = app.send(request);
                assert!([400, 401, 403].contains(&answer.status), "{path}: {answer:?}");
                let body = answer.json();
                errors.extend(body["error"].as_str().map(ToOwned::to_owned));
                described.extend(body.get("error_description").map(|text| text.as_str().unwrap().to_owned()));
            }
        }
        let answer = app.revoke(&key);
        errors.extend(answer.json()["error"].as_str().map(ToOwned::to_owned));
        described.extend(answer.json()["error_description"].as_str().map(ToOwned::to_owned));
        assert_eq!(errors.iter().map(String::as_str).collect::<Vec<_>>(), ["invalid_client", "invalid_request", "unauthorized_client"]);
        assert!(described.len() > 8, "{described:?}");
        for text in errors.iter().chain(&described) {
            let plain = |b: u8| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            assert!(!text.is_empty() && text.bytes().all(plain), "{text}");
        }
    }

    fn no_answer_may_be_stored(db) {
        let app = App::start(db);
        let key = app.alice();
        let wrong = Request::new("POST", "/introspect").basic(CLIENT.0, "wrong").form(&[("token", &key)]);
        let answers = [introspect(&app, &[("token", &key)]), introspect(&app, &[("token", UNKNOWN)]), introspect(&app, &[]), app.send(wrong)];
        for (answer, status) in answers.iter().zip([200, 200, 400, 401]) {
            assert_eq!((answer.status, answer.header("Cache-Control").as_deref()), (status, Some("no-store")));
        }
    }
}
