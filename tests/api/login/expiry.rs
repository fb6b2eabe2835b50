//! `JETON_TOKEN_TTL`: how long a login's token lives.

use std::time::Duration;

use serde_json::json;

use crate::on_both;
use crate::support::app::App;
use crate::support::calls::{ALICE, MICRO, short_of};
use crate::support::http::Request;

const TEN_HOURS: &[(&str, &str)] = &[("JETON_TOKEN_TTL", "10h")];
const HOUR: Duration = Duration::from_hours(1);

on_both! {
    fn without_a_ttl_a_login_has_no_expiry_and_its_token_stays_valid(db) {
        for mode in ["single", "multiple"] {
            let app = App::with(db, &[("JETON_TOKEN_MODE", mode)]);
            app.alice();
            let answer = app.try_login(ALICE.0, ALICE.1).json();
            assert_eq!(answer.as_object().unwrap().keys().collect::<Vec<_>>(), ["token"], "{mode}");
            let key = answer["token"].as_str().unwrap();
            assert_eq!(app.introspect(key).get("exp"), None);
            app.clock.advance(HOUR * 24 * 365 * 50);
            assert!(app.is_good(key), "{mode}, half a century later");
        }
    }

    fn with_a_ttl_the_answer_has_the_expiry_before_the_token(db) {
        for mode in ["single", "multiple"] {
            let app = App::with(db, &[("JETON_TOKEN_TTL", "10h"), ("JETON_TOKEN_MODE", mode)]);
            app.alice();
            app.clock.advance(HOUR);
            let answer = app.try_login(ALICE.0, ALICE.1);
            let key = answer.json()["token"].as_str().unwrap().to_owned();
            // The tests begin at 2025-06-15T15:06:40.123456Z; single mode returns the token that was created then.
            let expiry = if mode == "single" { "2025-06-16T01:06:40.123456Z" } else { "2025-06-16T02:06:40.123456Z" };
            assert_eq!(answer.text(), format!("{{\"expiry\":\"{expiry}\",\"token\":\"{key}\"}}"), "{mode}");
        }
    }

    fn introspection_has_exp_in_whole_seconds(db) {
        let app = App::with(db, TEN_HOURS);
        let key = app.alice();
        let answer = app.introspect(&key);
        assert_eq!((&answer["iat"], &answer["exp"]), (&json!(1_750_000_000), &json!(1_750_036_000)));
    }

    fn a_token_is_valid_until_the_last_microsecond_before_its_expiry(db) {
        let app = App::with(db, TEN_HOURS);
        let key = app.alice();
        app.clock.advance(short_of(HOUR * 10));
        assert!(app.is_good(&key));
        app.clock.advance(MICRO);
        assert!(!app.is_good(&key));
        let answer = app.get("/me", &key);
        assert_eq!(answer.json(), json!({"detail": "Invalid token."}));
        assert_eq!(answer.header("WWW-Authenticate").as_deref(), Some("Token"));
    }

    fn a_login_after_the_expiry_returns_a_new_key(db) {
        let app = App::with(db, TEN_HOURS);
        let old = app.alice();
        app.clock.advance(short_of(HOUR * 10));
        assert_eq!(app.login(ALICE.0, ALICE.1), old, "it is still valid");
        app.clock.advance(MICRO);
        let new = app.login(ALICE.0, ALICE.1);
        assert_ne!(new, old);
        assert_eq!(app.login(ALICE.0, ALICE.1), new, "later logins return the new key");
        assert!(app.is_good(&new));
        assert!(!app.is_good(&old));
        assert_eq!(app.introspect(&new)["exp"], 1_750_072_000);
    }

    fn twenty_logins_at_the_moment_of_expiry_get_the_same_new_key(db) {
        let app = App::with(db, TEN_HOURS);
        let old = app.alice();
        app.clock.advance(HOUR * 10);
        let keys: Vec<String> = std::thread::scope(|scope| {
            let logins: Vec<_> = (0..20).map(|_| scope.spawn(|| app.login(ALICE.0, ALICE.1))).collect();
            logins.into_iter().map(|login| login.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0] && *key != old), "{keys:?}");
        assert_eq!(app.tokens_of("alice").len(), 1);
    }

    fn a_regenerated_token_has_a_ttl_of_its_own(db) {
        let app = App::with(db, TEN_HOURS);
        app.alice();
        app.clock.advance(HOUR * 4);
        let key = app.regenerate("alice");
        assert_eq!(app.introspect(&key)["exp"], 1_750_000_000 + 14 * 3600);
    }

    fn login_tokens_have_the_scopes_of_the_setting_and_named_ones_their_own(db) {
        let app = App::with(db, &[("JETON_LOGIN_SCOPE", "reports:read  mail reports:read")]);
        let key = app.alice();
        assert_eq!(app.introspect(&key)["scope"], "reports:read mail");
        assert_eq!(app.get("/auth/verify?scope=mail&scope=reports:read", &key).status, 200);
        assert_eq!(app.get("/auth/verify?scope=mail&scope=reports:write", &key).status, 403);
        let regenerated = app.regenerate("alice");
        assert_eq!(app.introspect(&regenerated)["scope"], "reports:read mail");
        let named = app.name_token(&regenerated, &json!({"name": "n"}));
        let answer = app.introspect(named["token"].as_str().unwrap());
        assert_eq!(answer.get("scope"), None, "{answer}");
    }

    fn an_expired_key_in_authorization_does_not_prevent_a_login(db) {
        let app = App::with(db, TEN_HOURS);
        let key = app.alice();
        app.clock.advance(HOUR * 10);
        let body = json!({"username": ALICE.0, "password": ALICE.1});
        let answer = app.send(Request::new("POST", "/api-token-auth/").token(&key).json(&body));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}
