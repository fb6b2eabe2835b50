//! `GET /me`, and with it every way to say who one is in `Authorization` (DRF's `TokenAuthentication`).

use std::time::Duration;

use serde_json::json;

use crate::on_both;
use crate::support::app::App;
use crate::support::http::{Answer, Request};

const PASSWORD: &str = "tall ships sail at dusk";

fn me(app: &App, authorization: &[&[u8]]) -> Answer {
    let request = Request::new("GET", "/me");
    app.send(authorization.iter().fold(request, |request, value| request.header("Authorization", value)))
}

#[track_caller]
fn assert_refused(answer: &Answer, detail: &str, case: &str) {
    assert_eq!(answer.status, 401, "{case}");
    assert_eq!(answer.text(), format!("{{\"detail\":\"{detail}\"}}"), "{case}");
    assert_eq!(answer.headers_named("WWW-Authenticate"), ["Token"], "{case}");
    assert_eq!(answer.header("Allow").as_deref(), Some("GET, HEAD, OPTIONS"), "{case}");
    assert_eq!(answer.header("Content-Type").as_deref(), Some("application/json"), "{case}");
}

const MISSING: &str = "Authentication credentials were not provided.";
const NO_KEY: &str = "Invalid token header. No credentials provided.";
const SPACES: &str = "Invalid token header. Token string should not contain spaces.";
const CHARACTERS: &str = "Invalid token header. Token string should not contain invalid characters.";
const INVALID: &str = "Invalid token.";

on_both! {
    fn every_header_that_drf_refuses(db) {
        let app = App::start(db);
        app.create_user("alice", PASSWORD, &json!({}));
        let key = app.login("alice", PASSWORD);
        let with = |before: &str, after: &str| format!("{before}{key}{after}").into_bytes();
        let cases: Vec<(Vec<Vec<u8>>, &str)> = vec![
            (vec![], MISSING),
            (vec![b"".to_vec()], MISSING),
            (vec![with("Basic ", "")], MISSING),
            (vec![with("Digest ", "")], MISSING),
            (vec![with("Token: ", "")], MISSING),
            (vec![with("Token", "")], MISSING),
            (vec![[b"Token\xa0".as_slice(), key.as_bytes()].concat()], MISSING),
            (vec![key.clone().into_bytes()], MISSING),
            (vec![b"Token".to_vec()], NO_KEY),
            (vec![b"Token ".to_vec()], NO_KEY),
            (vec![b"bearer".to_vec()], NO_KEY),
            (vec![with("Token ", " b")], SPACES),
            (vec![with("Token ", &format!(", Token {key}"))], SPACES),
            (vec![with("Token ", ""), with("Token ", "")], SPACES),
            (vec![b"Token \xff\xfe".to_vec()], CHARACTERS),
            (vec![b"Token caf\xe9".to_vec()], CHARACTERS),
            (vec!["Token клю́ч".as_bytes().to_vec()], INVALID),
            (vec![b"Token nonsense".to_vec()], INVALID),
            (vec![format!("Token {}", key.to_uppercase()).into_bytes()], INVALID),
            (vec![with("Token token=\"", "\"")], INVALID),
            (vec![with("Token ", "0")], INVALID),
            (vec![format!("Token {}", "x".repeat(2000)).into_bytes()], INVALID),
        ];
        for (headers, detail) in cases {
            let values: Vec<&[u8]> = headers.iter().map(Vec::as_slice).collect();
            assert_refused(&me(&app, &values), detail, &format!("{:?}", headers.iter().map(|h| String::from_utf8_lossy(h)).collect::<Vec<_>>()));
        }
        assert_eq!(app.send(Request::new("GET", &format!("/me?token={key}"))).status, 401, "never from the query");
    }

    fn every_header_that_drf_takes(db) {
        let app = App::start(db);
        app.create_user("alice", PASSWORD, &json!({}));
        let key = app.login("alice", PASSWORD);
        for header in ["Token @", "token @", "TOKEN @", "Token\t@", "Token  @", "  Token @  ", "Bearer @", "bEARER @"] {
            let answer = me(&app, &[header.replace('@', &key).as_bytes()]);
            assert_eq!(answer.status, 200, "{header}: {}", answer.text());
            assert_eq!(answer.json()["username"], "alice");
        }
    }

    fn the_holder_sees_themselves_and_their_token_and_never_the_key(db) {
        let app = App::start(db);
        let user = app.create_user("alice", PASSWORD, &json!({"email": "a@b.co", "groups": ["billing", "a b"]}));
        let key = app.login("alice", PASSWORD);
        let answer = app.send(Request::new("GET", "/me/").token(&key));
        assert_eq!((answer.status, answer.header("Cache-Control").as_deref()), (200, Some("no-store")));
        let text = answer.text();
        assert!(!text.contains(&key) && !text.contains("argon2"), "{text}");
        let mut told = answer.json();
        let token = told.as_object_mut().unwrap().shift_remove("token").unwrap();
        assert_eq!(told, user);
        assert_eq!(
            token.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["id", "name", "kind", "scope", "created_at", "expires_at", "last_used_at"]
        );
        assert_eq!((&token["kind"], &token["name"], &token["created_at"]), (&json!("login"), &json!(null), &user["date_joined"]));
        assert_eq!(app.send(Request::new("HEAD", "/me").token(&key)).status, 200);
        let wrong = app.send(Request::new("POST", "/me").token(&key));
        assert_eq!((wrong.status, wrong.text().as_str()), (405, "{\"detail\":\"Method \\\"POST\\\" not allowed.\"}"));
    }

    fn a_dead_token_or_an_inactive_user_is_refused_in_drfs_words(db) {
        let app = App::with(db, &[("JETON_TOKEN_TTL", "10h")]);
        app.create_user("alice", PASSWORD, &json!({}));
        let first = app.login("alice", PASSWORD);
        let second = app.regenerate("alice");
        assert_refused(&app.send(Request::new("GET", "/me").token(&first)), INVALID, "revoked");
        assert_eq!(app.send(Request::new("GET", "/me").token(&second)).status, 200);
        app.database.sql("update users set is_active = false where username = 'alice'");
        assert_refused(&app.send(Request::new("GET", "/me").token(&second)), "User inactive or deleted.", "inactive");
        app.database.sql("update users set is_active = true where username = 'alice'");
        assert_eq!(app.send(Request::new("GET", "/me").token(&second)).status, 200, "tokens come back with the user");
        app.clock.advance(Duration::from_hours(10));
        assert_refused(&app.send(Request::new("GET", "/me").token(&second)), INVALID, "expired");
        app.database.sql("delete from users where username = 'alice'");
        assert_refused(&app.send(Request::new("GET", "/me").token(&second)), INVALID, "deleted");
    }

    fn the_first_keyword_is_the_challenge(db) {
        let app = App::with(db, &[("JETON_AUTH_KEYWORDS", "Key,Bearer")]);
        let key = app.admin_token();
        assert_eq!(me(&app, &[format!("key {key}").as_bytes()]).status, 200);
        let answer = me(&app, &[format!("Token {key}").as_bytes()]);
        assert_eq!((answer.status, answer.header("WWW-Authenticate").as_deref()), (401, Some("Key")));
    }
}
