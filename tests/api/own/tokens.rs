//! `/tokens/`: a holder's own tokens.

use std::time::Duration;

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{App, Kind};
use crate::support::calls::{ALICE, MICRO, short_of};
use crate::support::http::Request;

const FIELDS: [&str; 7] = ["id", "name", "kind", "scope", "created_at", "expires_at", "last_used_at"];

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// An app with alice and the key of her login.
fn with_alice(db: Kind) -> (App, String) {
    let app = App::start(db);
    let key = app.alice();
    (app, key)
}

on_both! {
    fn a_new_token_has_the_fields_of_the_contract_in_order_and_its_key(db) {
        let (app, key) = with_alice(db);
        let body = json!({"name": " ci ", "scope": "b a  b", "expires_in": 3600});
        let answer = app.try_name_token(&key, &body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.header("Cache-Control").as_deref(), Some("no-store"));
        let made = answer.json();
        assert_eq!(keys(&made), [&FIELDS[..], &["token"]].concat());
        let token = made["token"].as_str().unwrap();
        assert_eq!(token.len(), 40);
        let expected = json!({
            "id": made["id"], "name": "ci", "kind": "named", "scope": "b a",
            "created_at": "2025-06-15T15:06:40.123456Z", "expires_at": "2025-06-15T16:06:40.123456Z",
            "last_used_at": null, "token": token,
        });
        assert_eq!(made, expected);
        let answer = app.introspect(token);
        assert_eq!((&answer["username"], &answer["scope"]), (&json!("alice"), &json!("b a")));
        assert_eq!((&answer["jti"], &answer["exp"]), (&json!(made["id"].to_string()), &json!(1_750_003_600)));
        app.clock.advance(short_of(Duration::from_hours(1)));
        assert!(app.is_good(token));
        app.clock.advance(MICRO);
        assert!(!app.is_good(token));
    }

    fn a_list_has_the_caller_s_live_tokens_without_keys(db) {
        let (app, key) = with_alice(db);
        app.create_user("bob", "an anchor in deep water", &json!({}));
        let bob = app.login("bob", "an anchor in deep water");
        app.name_token(&bob, &json!({"name": "bob's"}));
        let named = app.name_token(&key, &json!({"name": "n"}));
        let short = app.name_token(&key, &json!({"name": "short", "expires_in": 1}));
        let answer = app.get("/tokens/", &key);
        assert_eq!(answer.status, 200);
        let page = answer.json();
        assert_eq!((&page["count"], &page["next"], &page["previous"]), (&json!(3), &json!(null), &json!(null)));
        let listed = page["results"].as_array().unwrap();
        let shown: Vec<_> = listed.iter().map(|token| (&token["name"], &token["kind"])).collect();
        let (login, named_kind) = (json!("login"), json!("named"));
        let expected = [
            (&json!(null), &login), (&json!("n"), &named_kind), (&json!("short"), &named_kind),
        ];
        assert_eq!(shown, expected, "ordered by age");
        for token in listed {
            assert_eq!(keys(token), FIELDS);
        }
        for key in [&key, named["token"].as_str().unwrap(), short["token"].as_str().unwrap()] {
            assert!(!answer.text().contains(key), "a key is shown once");
        }
        app.clock.advance(Duration::from_secs(1));
        assert_eq!(app.get("/tokens/", &key).json()["count"], 2, "the expired token is not listed");
    }

    fn all_wrong_fields_are_reported_at_once_by_field(db) {
        let (app, key) = with_alice(db);
        let duration = json!(["Enter whole seconds, or a duration such as 12h or 90d."]);
        let scope = json!(["Enter scopes separated by blanks, of visible ASCII characters other than \" and \\."]);
        let long = "x".repeat(101);
        for (body, expected) in [
            (json!({}), json!({"name": ["This field is required."]})),
            (json!({"name": null}), json!({"name": ["This field may not be null."]})),
            (json!({"name": "  "}), json!({"name": ["This field may not be blank."]})),
            (json!({"name": ["n"]}), json!({"name": ["Not a valid string."]})),
            (json!({"name": true}), json!({"name": ["Not a valid string."]})),
            (json!({"name": "a\0b"}), json!({"name": ["Null characters are not allowed."]})),
            (json!({"name": long}), json!({"name": ["Ensure this field has no more than 100 characters."]})),
            (json!({"name": "n", "scope": "a\"b"}), json!({ "scope": scope })),
            (json!({"name": "n", "scope": "a\tb"}), json!({ "scope": scope })),
            (json!({"name": "n", "scope": "é"}), json!({ "scope": scope })),
            (json!({"name": "n", "scope": null}), json!({"scope": ["This field may not be null."]})),
            (json!({"name": "n", "scope": ["a"]}), json!({"scope": ["Not a valid string."]})),
            (json!({"name": "n", "scope": "a".repeat(1001)}), json!({"scope": ["Ensure this field has no more than 1000 characters."]})),
            (
                json!({"name": "", "scope": 7, "expires_in": "soon"}),
                json!({"name": ["This field may not be blank."], "expires_in": duration}),
            ),
            (json!([]), json!({"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]})),
        ] {
            let answer = if body.is_object() { app.try_name_token(&key, &body) } else { app.post("/tokens/", &key, &body) };
            assert_eq!((answer.status, answer.json()), (400, expected), "{body}");
        }
        assert_eq!(app.get("/tokens/", &key).json()["count"], 1, "no token was created");
        assert_eq!(app.name_token(&key, &json!({"name": "é".repeat(100)}))["name"], "é".repeat(100), "characters");
    }

    fn a_lifetime_is_whole_seconds_or_a_duration(db) {
        let (app, key) = with_alice(db);
        let hour = json!("2025-06-15T16:06:40.123456Z");
        for (lifetime, end) in [
            (json!(3600), &hour), (json!("3600"), &hour), (json!("60m"), &hour), (json!(" 1h "), &hour),
            (json!("0090d"), &json!("2025-09-13T15:06:40.123456Z")),
            (json!(null), &json!(null)),
            (json!("36500d"), &json!("2125-05-22T15:06:40.123456Z")),
        ] {
            let made = app.name_token(&key, &json!({"name": "n", "expires_in": lifetime}));
            assert_eq!(&made["expires_at"], end, "{lifetime}");
        }
        let big: Value = serde_json::from_str("1e999").unwrap_or(json!("1e999"));
        for junk in [
            json!(""), json!(" "), json!(0), json!("0"), json!("0h"), json!(-1), json!("-1"), json!(1.5), json!(3600.0), json!("soon"),
            json!("1w"), json!("1 h"), json!("１"), json!(true), json!([3600]), json!({"hours": 1}), json!("36501d"),
            json!(9_999_999_999_999_u64), json!(u64::MAX), json!("99999999999999999999999999"), big,
        ] {
            let answer = app.try_name_token(&key, &json!({"name": "n", "expires_in": junk}));
            let expected = json!({"expires_in": ["Enter whole seconds, or a duration such as 12h or 90d."]});
            assert_eq!((answer.status, answer.json()), (400, expected), "{junk}");
        }
        let raw = Request::new("POST", "/tokens/").token(&key).body("application/json", r#"{"name": 1, "expires_in": 1e400}"#);
        assert_eq!(app.send(raw).status, 400);
    }

    fn a_form_has_the_same_effect_as_json(db) {
        let (app, key) = with_alice(db);
        let form = [("name", "n"), ("scope", "a b"), ("expires_in", "1h"), ("password", ALICE.1)];
        let answer = app.send(Request::new("POST", "/tokens").token(&key).form(&form));
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.json()["expires_at"], "2025-06-15T16:06:40.123456Z");
        let blank = Request::new("POST", "/tokens").token(&key).form(&[("name", "m"), ("expires_in", ""), ("password", ALICE.1)]);
        assert_eq!(app.send(blank).json()["expires_at"], json!(null), "a form has no null");
    }

    fn users_can_revoke_their_own_tokens_only(db) {
        let (app, key) = with_alice(db);
        app.create_user("bob", "an anchor in deep water", &json!({}));
        let bob = app.login("bob", "an anchor in deep water");
        let named = app.name_token(&key, &json!({"name": "n"}));
        let path = format!("/tokens/{}", named["id"]);
        let not_found = (404, json!({"detail": "Not found."}));
        for stranger in [&bob, &app.admin_token()] {
            let answer = app.delete(&path, stranger);
            assert_eq!((answer.status, answer.json()), not_found, "the token is alice's");
        }
        assert!(app.is_good(named["token"].as_str().unwrap()));
        let answer = app.delete(&path, &key);
        assert_eq!((answer.status, answer.body.len()), (204, 0));
        assert!(!app.is_good(named["token"].as_str().unwrap()));
        let expired = app.name_token(&key, &json!({"name": "n", "expires_in": 1}));
        app.clock.advance(Duration::from_secs(1));
        let expired_path = format!("/tokens/{}", expired["id"]);
        assert_eq!(app.delete(&expired_path, &key).status, 204, "by another node's clock the token may be live");
        for dead in [named["id"].to_string(), expired["id"].to_string(), "999999".into(), "x".into(), "-1".into(),
            "99999999999999999999".into(), "1.0".into()] {
            let answer = app.delete(&format!("/tokens/{dead}/"), &key);
            assert_eq!((answer.status, answer.json()), not_found, "{dead}");
        }
    }

    fn a_login_token_can_be_revoked_by_its_id_too(db) {
        let (app, key) = with_alice(db);
        let id = app.introspect(&key)["jti"].as_str().unwrap().to_owned();
        assert_eq!(app.delete(&format!("/tokens/{id}"), &key).status, 204);
        assert!(!app.is_good(&key));
        assert_ne!(app.login(ALICE.0, ALICE.1), key);
    }

    fn without_a_valid_token_every_method_is_refused(db) {
        let (app, key) = with_alice(db);
        app.send(Request::new("POST", "/logout/").token(&key));
        let none = json!({"detail": "Authentication credentials were not provided."});
        let bad = json!({"detail": "Invalid token."});
        for (method, path) in [("GET", "/tokens/"), ("POST", "/tokens/"), ("DELETE", "/tokens/1")] {
            let answer = app.send(Request::new(method, path));
            assert_eq!((answer.status, answer.json()), (401, none.clone()), "{method}");
            assert_eq!(answer.header("WWW-Authenticate").as_deref(), Some("Token"));
            let answer = app.send(Request::new(method, path).token(&key));
            assert_eq!((answer.status, answer.json()), (401, bad.clone()), "{method}");
        }
        assert_eq!(app.send(Request::new("PUT", "/tokens/").token(&key)).status, 405);
        assert_eq!(app.send(Request::new("GET", "/tokens/1").token(&key)).status, 405);
    }
}
