//! The identity headers.

use percent_encoding::percent_decode_str;
use serde_json::json;

use super::{IDENTITY, PASSWORD, named, verify};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::http::Request;

on_both! {
    fn every_identity_header_is_sent(db) {
        let app = App::start(db);
        let alice = app.create_user("alice", PASSWORD, &json!({"email": "a@example.com", "groups": ["ops", "billing"]}));
        let token = named(&app, &app.login("alice", PASSWORD), "reports:read reports:write");
        let facts = app.introspect(&token);
        let answer = verify(&app, "/auth/verify", &token);
        let id = alice["id"].to_string();
        let groups: Vec<&str> = facts["groups"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(groups.len(), 2);
        let groups = groups.join(",");
        let wanted = [
            "alice",
            &id,
            "a@example.com",
            &groups,
            "reports:read reports:write",
            facts["jti"].as_str().unwrap(),
            "",
            "alice",
            "a@example.com",
            &groups,
        ];
        for (name, value) in IDENTITY.iter().zip(wanted) {
            assert_eq!(answer.headers_named(name), [value], "{name} in {answer:?}");
        }
        assert_eq!(answer.headers_named("Cache-Control"), ["no-store"]);
    }

    fn a_token_that_expires_says_when(db) {
        let app = App::with(db, &[("JETON_TOKEN_TTL", "10h")]);
        app.create_user("alice", PASSWORD, &json!({}));
        let key = app.login("alice", PASSWORD);
        let expires = |key: &str| verify(&app, "/auth/verify", key).headers_named("X-Auth-Token-Expires").join(",");
        let exp = app.introspect(&key)["exp"].as_i64().unwrap();
        for _ in 0..3 {
            assert_eq!(expires(&key), exp.to_string(), "from the database, and from the cache");
        }
        let day = app.name_token(&key, &json!({"name": "ci", "expires_in": "1d"}))["token"].as_str().unwrap().to_owned();
        assert_eq!(expires(&day), (app.clock.now().epoch_seconds() + 86_400).to_string());
        // During its grace period the old token ends with that.
        let path = "/admin/users/alice/regenerate?grace=1h";
        assert_eq!(app.send(Request::new("POST", path).token(&app.admin_token())).status, 200);
        assert_eq!(expires(&key), (app.clock.now().epoch_seconds() + 3_600).to_string());
    }

    fn empty_headers_are_sent_too_so_that_a_gateway_overwrites_its_clients_headers(db) {
        let app = App::start(db);
        let answer = verify(&app, "/auth/verify", &app.admin_token());
        for name in IDENTITY {
            assert_eq!(answer.headers_named(name).len(), 1, "{name} in {answer:?}");
        }
        for name in ["X-Auth-Email", "X-Auth-Groups", "X-Auth-Scope", "X-Auth-Token-Expires", "Remote-Email", "Remote-Groups"] {
            assert_eq!(answer.headers_named(name), [""], "{name}");
        }
        assert_eq!(answer.headers_named("X-Auth-User"), [ADMIN.0]);
    }

    fn characters_that_a_header_cannot_hold_are_percent_encoded(db) {
        let app = App::start(db);
        app.create_user("жаннa", PASSWORD, &json!({"email": "z@example.com", "groups": ["bureau é"]}));
        let key = app.login("жаннa", PASSWORD);
        let answer = verify(&app, "/auth/verify", &key);
        for name in ["X-Auth-User", "Remote-User"] {
            assert_eq!(answer.headers_named(name), ["%D0%B6%D0%B0%D0%BD%D0%BDa"]);
        }
        for name in ["X-Auth-Groups", "Remote-Groups"] {
            assert_eq!(answer.headers_named(name), ["bureau %C3%A9"]);
        }
        // Each value as an import may have stored it, as the header has it, and as the header has it in a list.
        for (value, alone, listed) in [
            ("two words", "two words", "two words"),
            ("100%", "100%25", "100%25"),
            ("%2C", "%252C", "%252C"),
            ("a,b", "a,b", "a%2Cb"),
            ("a\r\nX-Auth-User-Id: 1", "a%0D%0AX-Auth-User-Id: 1", "a%0D%0AX-Auth-User-Id: 1"),
            ("tab\there\u{7f}", "tab%09here%7F", "tab%09here%7F"),
            ("\u{85}\u{2028}", "%C2%85%E2%80%A8", "%C2%85%E2%80%A8"),
            ("\"quoted\\\" <a@b>;~", "\"quoted\\\" <a@b>;~", "\"quoted\\\" <a@b>;~"),
            (" admin  ", "%20admin%20%20", "%20admin%20%20"),
            ("  ", "%20%20", "%20%20"),
        ] {
            app.sql(&format!("update users set email = '{value}' where username = 'жаннa'"));
            app.sql(&format!("update groups set name = '{value}'"));
            let answer = verify(&app, "/auth/verify", &key);
            for (name, shown) in
                [("X-Auth-Email", alone), ("Remote-Email", alone), ("X-Auth-Groups", listed), ("Remote-Groups", listed)]
            {
                assert_eq!(answer.headers_named(name), [shown], "{name} of {value:?}");
                assert_eq!(percent_decode_str(shown).decode_utf8().unwrap(), value);
            }
            assert_eq!(answer.headers_named("X-Auth-User-Id").len(), 1, "of {value:?}");
        }
    }
}
