//! `POST /introspect`: the answer about a token.

use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha512};

use crate::on_both;
use crate::support::app::{ADMIN, App, CLIENT, Kind};
use crate::support::calls::PASSWORD;
use crate::support::http::{Answer, Request, base64};

const INACTIVE: &str = "{\"active\":false}";

/// Introspects as the tests' client; `body` adds the request's body.
fn introspect(app: &App, body: impl FnOnce(Request) -> Request) -> Answer {
    app.send(body(Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1)))
}

/// The whole answer for a token, which must have `no-store`.
#[track_caller]
fn answer_for(app: &App, token: &str) -> String {
    let answer = introspect(app, |request| request.form(&[("token", token)]));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("Content-Type").as_deref(), Some("application/json"));
    assert_eq!(answer.header("Cache-Control").as_deref(), Some("no-store"));
    answer.text()
}

on_both! {
    fn members_have_a_fixed_order_and_missing_values_are_left_out(db) {
        let app = App::start(db);
        app.create_user("alice", PASSWORD, &json!({"email": "alice@example.com", "groups": ["zoo", "billing"]}));
        let token = app.login("alice", PASSWORD);
        let facts = app.database.sql("select u.id, t.id from tokens t join users u on u.id = t.user_id where u.username = 'alice'");
        let (user, row) = facts.split_once('|').unwrap();
        assert_eq!(answer_for(&app, &token), format!(
            "{{\"active\":true,\"token_type\":\"Bearer\",\"sub\":\"{user}\",\"username\":\"alice\",\"iat\":1750000000,\
             \"jti\":\"{row}\",\"user_id\":{user},\"email\":\"alice@example.com\",\"is_staff\":false,\
             \"is_superuser\":false,\"groups\":[\"billing\",\"zoo\"]}}"
        ));
    }

    fn optional_members_have_a_fixed_place_in_the_order(db) {
        let app = App::with(db, &[
            ("JETON_ISSUER", "https://tokens.example.com"),
            ("JETON_LOGIN_SCOPE", "read write"),
            ("JETON_TOKEN_TTL", "10h"),
        ]);
        let token = app.admin_token();
        app.sql("update tokens set client = 'demo'");
        let row = app.database.sql("select id from tokens");
        assert_eq!(answer_for(&app, &token), format!(
            "{{\"active\":true,\"token_type\":\"Bearer\",\"sub\":\"2000000000\",\"username\":\"admin\",\
             \"scope\":\"read write\",\"iat\":1750000000,\"exp\":1750036000,\"jti\":\"{row}\",\
             \"iss\":\"https://tokens.example.com\",\"client_id\":\"demo\",\"user_id\":2000000000,\"email\":\"\",\
             \"is_staff\":true,\"is_superuser\":true,\"groups\":[]}}"
        ));
    }

    fn any_other_text_is_answered_with_active_false_only(db) {
        let app = App::start(db);
        let token = app.admin_token();
        let long = "a".repeat(1025);
        let (upper, padded, prefix) = (token.to_uppercase(), format!(" {token}"), &token[..39]);
        for text in [
            "unknown", "0000000000000000000000000000000000000000", " ", "\t", "\u{a0}", "a\0b", "a\nb", "\u{7f}", "\u{85}",
            "\u{fffd}", "ключ", "😀", "' or 1=1 --", "%", "null", "true", &long, &upper, &padded, prefix,
        ] {
            assert_eq!(answer_for(&app, text), INACTIVE, "{text:?}");
        }
        // Percent-encoded bytes may not be UTF-8; a JSON string may contain a lone surrogate.
        for body in ["token=%ff%fe", "token=%00", "token=%ED%A0%80", "token=\u{e9}", "token=%", "token=%zz", "token==="] {
            let answer = introspect(&app, |request| request.body("application/x-www-form-urlencoded", body));
            assert_eq!((answer.status, answer.text().as_str()), (200, INACTIVE), "{body}");
        }
        let answer = introspect(&app, |request| request.body("application/json", r#"{"token":"\ud800"}"#));
        assert_eq!((answer.status, answer.text().as_str()), (200, INACTIVE));
        assert!(app.is_good(&token));
    }

    fn a_token_is_inactive_while_its_user_is_inactive_and_after_its_expiry_or_deletion(db) {
        let app = App::with(db, &[("JETON_TOKEN_TTL", "1h")]);
        app.create_user("bob", PASSWORD, &json!({}));
        let token = app.login("bob", PASSWORD);
        let of_bob = "user_id = (select id from users where username = 'bob')";
        for (sql, live) in [
            ("update users set is_active = false where username = 'bob'".to_owned(), false),
            ("update users set is_active = true where username = 'bob'".to_owned(), true),
            (format!("update tokens set revoked_at = created_at, revoked_by = 'x' where {of_bob}"), false),
            (format!("update tokens set revoked_at = null where {of_bob}"), true),
        ] {
            app.sql(&sql);
            assert_eq!(app.is_good(&token), live);
            assert_eq!(answer_for(&app, &token) == INACTIVE, !live, "{sql}");
        }
        app.clock.advance(Duration::from_micros(3_599_999_999));
        assert!(app.is_good(&token));
        app.clock.advance(Duration::from_micros(1));
        assert_eq!(answer_for(&app, &token), INACTIVE);
        assert!(!app.is_good(&token));
        let next = app.login("bob", PASSWORD);
        assert_ne!(next, token);
        app.sql(&format!("delete from tokens where {of_bob}; delete from users where username = 'bob'"));
        assert_eq!(answer_for(&app, &next), INACTIVE);
    }

    fn a_token_inserted_by_sql_is_valid(db) {
        let app = App::start(db);
        app.create_user("carol", PASSWORD, &json!({"groups": ["ops"]}));
        let moments: &[_] = match db {
            Kind::Sqlite => &["2025-06-15 15:00:00", "2025-06-15T15:00:00Z", "2025-06-15 15:00:00.123456"],
            Kind::Postgres => &["2025-06-15 15:00:00Z", "2025-06-15 17:00:00.123456+02:00"],
        };
        for (n, moment) in moments.iter().enumerate() {
            let key = format!("a key from elsewhere, number {n}: ключ");
            let digest = hex::encode(&Sha512::digest(key.as_bytes())[..32]);
            let digest = match db {
                Kind::Sqlite => format!("x'{digest}'"),
                Kind::Postgres => format!("decode('{digest}', 'hex')"),
            };
            app.database.sql(&format!(
                "insert into tokens (user_id, digest, created_at) select id, {digest}, '{moment}' from users where username = 'carol'"
            ));
            let answer = app.introspect(&key);
            assert_eq!(answer["active"], true, "{moment}");
            assert_eq!((&answer["username"], &answer["iat"]), (&json!("carol"), &json!(1_749_999_600)), "{moment}");
            assert_eq!(answer["groups"], json!(["ops"]));
        }
    }

    fn the_token_may_come_by_form_or_json_with_or_without_a_slash(db) {
        let app = App::start(db);
        let token = app.admin_token();
        let form = format!("token={token}");
        for (kind, body) in [
            ("application/x-www-form-urlencoded", form.clone()),
            ("application/x-www-form-urlencoded; charset=utf-8", form.clone()),
            ("APPLICATION/X-WWW-FORM-URLENCODED", form.clone()),
            ("application/x-www-form-urlencoded", format!("{form}&token_type_hint=access_token")),
            ("application/x-www-form-urlencoded", format!("token_type_hint=%00nonsense&{form}&more=1&more=2")),
            ("application/x-www-form-urlencoded", format!("token=&{form}")),
            ("application/x-www-form-urlencoded", format!("&&{form}&")),
            ("application/json", json!({"token": token}).to_string()),
            ("application/json; charset=utf-8", json!({"token": token, "token_type_hint": "x", "n": [1, {}]}).to_string()),
        ] {
            for path in ["/introspect", "/introspect/", "/introspect?token=unknown", "/introspect/?token"] {
                let request = Request::new("POST", path).basic(CLIENT.0, CLIENT.1).body(kind, body.as_str());
                let answer = app.send(request);
                assert_eq!((answer.status, &answer.json()["active"]), (200, &json!(true)), "{path} {kind} {body}");
            }
        }
    }

    fn a_request_without_exactly_one_valid_token_parameter_is_invalid(db) {
        let app = App::start(db);
        let token = app.admin_token();
        let (form, json) = ("application/x-www-form-urlencoded", "application/json");
        for (kind, body) in [
            (form, String::new()),
            (form, "token=".into()),
            (form, "token".into()),
            (form, "Token=x".into()),
            (form, format!("token={token}&token={token}")),
            (form, format!("token={token}&token_type_hint=a&token_type_hint=b")),
            (json, String::new()),
            (json, "{}".into()),
            (json, "null".into()),
            (json, "[]".into()),
            (json, format!("[\"{token}\"]")),
            (json, format!("\"{token}\"")),
            (json, "1".into()),
            (json, "{\"token\":\"\"}".into()),
            (json, "{\"token\":null}".into()),
            (json, "{\"token\":1}".into()),
            (json, "{\"token\":true}".into()),
            (json, "{\"token\":{}}".into()),
            (json, format!("{{\"token\":[\"{token}\"]}}")),
            (json, format!("{{\"token\":\"{token}\",\"token\":\"{token}\"}}")),
            (json, format!("{{\"token\":\"{token}\",\"token_type_hint\":1}}")),
            (json, format!("{{\"token\":\"{token}\"")),
            (json, format!("{{\"token\":\"{token}\"}} x")),
            (json, format!("token={token}")),
            ("text/plain", format!("token={token}")),
            ("application/xml", "<token/>".into()),
            ("", format!("token={token}")),
        ] {
            // The query string is never read.
            let path = format!("/introspect?token={token}");
            let answer = app.send(Request::new("POST", &path).basic(CLIENT.0, CLIENT.1).body(kind, body.as_str()));
            assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")), "{kind} {body}");
            let members = answer.json();
            assert_eq!(members.as_object().unwrap().keys().collect::<Vec<_>>(), ["error", "error_description"]);
            assert!(!answer.text().contains(&token), "{body}");
        }
        let untyped = introspect(&app, |request| request.raw_body(format!("token={token}")));
        assert_eq!((untyped.status, &untyped.json()["error"]), (400, &json!("invalid_request")));
    }

    fn only_post_introspects(db) {
        let app = App::start(db);
        let token = app.admin_token();
        for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "post"] {
            for path in [format!("/introspect?token={token}"), format!("/introspect/?token={token}")] {
                let answer = app.send(Request::new(method, &path).basic(CLIENT.0, CLIENT.1));
                assert_eq!(answer.status, 405, "{method}");
                assert_eq!(answer.header("Allow").as_deref(), Some("POST, OPTIONS"), "{method}");
                let sentence = format!("{{\"detail\":\"Method \\\"{method}\\\" not allowed.\"}}");
                assert_eq!(answer.text(), if method == "HEAD" { "" } else { &sentence });
            }
        }
    }

    fn every_answer_has_no_store(db) {
        let app = App::start(db);
        app.create_user("dave", PASSWORD, &json!({}));
        let (staff, plain) = (app.login(ADMIN.0, ADMIN.1), app.login("dave", PASSWORD));
        let post = || Request::new("POST", "/introspect").form(&[("token", &staff)]);
        for (request, status) in [
            (post().basic(CLIENT.0, CLIENT.1), 200),
            (post().token(&staff), 200),
            (post().basic(CLIENT.0, "wrong"), 401),
            (post(), 401),
            (post().token("wrong"), 401),
            (post().token(&plain), 403),
            (Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1), 400),
            (Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1).raw_body("x".repeat(65537)), 413),
            (Request::new("GET", "/introspect").header("Authorization", base64(b"x")), 405),
        ] {
            let answer = app.send(request);
            assert_eq!(answer.status, status, "{answer:?}");
            assert_eq!(answer.header("Cache-Control").as_deref(), Some("no-store"), "{answer:?}");
        }
    }
}
