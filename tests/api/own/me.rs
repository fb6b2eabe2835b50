//! `GET /me`, and what `Authorization` may contain: DRF's token authentication.

use std::time::Duration;

use serde_json::json;

use crate::api::login::{PASSWORD, with_alice};
use crate::on_both;
use crate::support::app::App;
use crate::support::eventually;
use crate::support::http::{Answer, Request};

const MISSING: &str = "Authentication credentials were not provided.";
const NO_KEY: &str = "Invalid token header. No credentials provided.";
const SPACES: &str = "Invalid token header. Token string should not contain spaces.";
const CHARACTERS: &str = "Invalid token header. Token string should not contain invalid characters.";
const INVALID: &str = "Invalid token.";
const INACTIVE: &str = "User inactive or deleted.";

/// How long a running jeton may take to receive a change made by SQL.
const BOUND: Duration = Duration::from_secs(10);

/// Requests `/me` with these `Authorization` headers, in which `{key}` stands for the key.
fn me(app: &App, key: &str, headers: &[&[u8]]) -> Answer {
    let request = headers.iter().fold(Request::new("GET", "/me"), |request, header| {
        let pieces: Vec<&[u8]> = split(header, b"{key}");
        request.header("Authorization", pieces.join(key.as_bytes()))
    });
    app.send(request)
}

fn split<'a>(text: &'a [u8], separator: &[u8]) -> Vec<&'a [u8]> {
    match text.windows(separator.len()).position(|window| window == separator) {
        None => vec![text],
        Some(at) => [vec![&text[..at]], split(&text[at + separator.len()..], separator)].concat(),
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, detail: &str, challenge: &str, about: &str) {
    let body = format!("{{\"detail\":\"{detail}\"}}");
    assert_eq!((answer.status, answer.text().as_str()), (401, body.as_str()), "{about}");
    assert_eq!(answer.headers_named("WWW-Authenticate"), [challenge], "{about}");
    assert_eq!(answer.headers_named("Allow"), ["GET, PATCH, HEAD, OPTIONS"], "{about}");
    assert_eq!(answer.headers_named("Content-Type"), ["application/json"], "{about}");
}

/// Repeats the request until the answer has this status.
#[track_caller]
fn until(app: &App, key: &str, status: u16) -> Answer {
    eventually(&format!("{status}"), BOUND, || Some(me(app, key, &[b"Token {key}"])).filter(|me| me.status == status))
}

on_both! {
    fn the_holder_sees_their_own_record(db) {
        let app = App::start(db);
        let fields = json!({"email": "alice@example.com", "first_name": "Alice", "groups": ["billing"]});
        let user = app.create_user("alice", PASSWORD, &fields);
        let key = app.login("alice", PASSWORD);
        for path in ["/me", "/me/", "/me?token=x"] {
            let answer = app.send(Request::new("GET", path).token(&key));
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            assert_eq!(answer.headers_named("Allow"), ["GET, PATCH, HEAD, OPTIONS"]);
            assert_eq!(answer.headers_named("Content-Type"), ["application/json"]);
            assert_eq!(answer.header("WWW-Authenticate"), None);
            let mut me = answer.json();
            let token = me.as_object_mut().unwrap().remove("token").unwrap();
            assert_eq!(me, user, "the record that the admin API shows");
            assert_eq!(me["username"], "alice");
            assert_eq!(token["kind"], "login");
            assert_eq!((&token["name"], &token["expires_at"]), (&json!(null), &json!(null)));
            assert_eq!(token["created_at"], "2025-06-15T15:06:40.123456Z");
            let text = answer.text();
            for secret in [&key, "argon2", "digest", "sealed", "password"] {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
        let head = app.send(Request::new("HEAD", "/me").token(&key));
        assert_eq!((head.status, head.body.len()), (200, 0));
    }

    fn the_header_is_read_as_drf_reads_it(db) {
        let app = with_alice(db, &[]);
        let key = app.login("alice", PASSWORD);
        let good: [&[u8]; 9] = [
            b"Token {key}", b"token {key}", b"TOKEN {key}", b"tOkEn {key}", b"Token\t{key}", b"Token  {key}",
            b"  Token \t {key} ", b"Bearer {key}", b"bearer {key}",
        ];
        for header in good {
            assert_eq!(me(&app, &key, &[header]).status, 200, "{}", header.escape_ascii());
        }
        let refused: [(&[&[u8]], &str); 38] = [
            (&[], MISSING),
            (&[b""], MISSING),
            (&[b"  "], MISSING),
            (&[b"{key}"], MISSING),
            (&[b"Digest {key}"], MISSING),
            (&[b"Basic {key}"], MISSING),
            (&[b"Basic"], MISSING),
            (&[b"Token: {key}"], MISSING),
            (&[b"Tokenx {key}"], MISSING),
            (&[b"Token{key}"], MISSING),
            (&[b"Token={key}"], MISSING),
            (&[b"\"Token\" {key}"], MISSING),
            (&[b"Token\xa0{key}"], MISSING),
            (&[b"\xa0Token {key}"], MISSING),
            (&["Tokén {key}".as_bytes()], MISSING),
            (&["To\u{212a}en {key}".as_bytes()], MISSING),
            (&[b"", b"Token {key}"], MISSING),
            (&[b"Basic eDp5", b"Token {key}"], MISSING),
            (&[b"Token"], NO_KEY),
            (&[b"Token "], NO_KEY),
            (&[b"tOKEN \t "], NO_KEY),
            (&[b"Bearer"], NO_KEY),
            (&[b"Token a b"], SPACES),
            (&[b"Token {key} {key}"], SPACES),
            (&[b"Token {key}, Token {key}"], SPACES),
            (&[b"Token {key}", b"Token {key}"], SPACES),
            (&[b"Token \xff \xff"], SPACES),
            (&[b"Token \xff"], CHARACTERS),
            (&[b"Token {key}\xa0"], CHARACTERS),
            (&[b"Token \xc3"], CHARACTERS),
            (&[b"Token \xed\xa0\x80"], CHARACTERS),
            (&["Token é".as_bytes()], INVALID),
            (&["Token \u{feff}{key}".as_bytes()], INVALID),
            (&[b"Token x"], INVALID),
            (&[b"Token token=\"{key}\""], INVALID),
            (&[b"Token \"{key}\""], INVALID),
            (&[b"Token {key},"], INVALID),
            (&[b"Token {key}", b""], INVALID),
        ];
        for (headers, detail) in refused {
            let about = headers.join(b" | ".as_slice()).escape_ascii().to_string();
            assert_refused(&me(&app, &key, headers), detail, "Token", &about);
        }
        for unknown in [key.to_uppercase(), "0".repeat(40), key[1..].to_owned(), "x".repeat(5000)] {
            assert_refused(&me(&app, &unknown, &[b"Token {key}"]), INVALID, "Token", &unknown);
        }
        for target in [format!("/me?token={key}"), format!("/me?access_token={key}")] {
            assert_refused(&app.send(Request::new("GET", &target)), MISSING, "Token", "a key in the query is not read");
        }
        let head = app.send(Request::new("HEAD", "/me"));
        assert_eq!((head.status, head.header("WWW-Authenticate").as_deref()), (401, Some("Token")));
    }

    fn the_first_keyword_is_the_challenge(db) {
        let app = with_alice(db, &[]).node(&[("JETON_AUTH_KEYWORDS", "Jeton,Bearer")]);
        let key = app.login("alice", PASSWORD);
        for header in [b"Jeton {key}".as_slice(), b"JETON {key}", b"bearer {key}"] {
            assert_eq!(me(&app, &key, &[header]).status, 200, "{}", header.escape_ascii());
        }
        let refused: [(&[u8], &str); 5] = [
            (b"Token {key}", MISSING),
            (b"Jeton", NO_KEY),
            (b"Bearer a b", SPACES),
            (b"Jeton \xff", CHARACTERS),
            (b"Bearer x", INVALID),
        ];
        for (header, detail) in refused {
            assert_refused(&me(&app, &key, &[header]), detail, "Jeton", &header.escape_ascii().to_string());
        }
        app.sql("update users set is_active = false where username = 'alice'");
        assert_refused(&me(&app, &key, &[b"Jeton {key}"]), INACTIVE, "Jeton", "inactive");
    }

    fn an_inactive_user_is_refused_until_they_are_active_again(db) {
        let app = with_alice(db, &[]);
        let key = app.login("alice", PASSWORD);
        assert_eq!(me(&app, &key, &[b"Token {key}"]).status, 200);
        app.sql("update users set is_active = false where username = 'alice'");
        assert_refused(&until(&app, &key, 401), INACTIVE, "Token", "inactive");
        app.sql("update users set is_active = true where username = 'alice'");
        until(&app, &key, 200);
    }

    fn the_key_of_a_deleted_user_is_unknown(db) {
        let app = with_alice(db, &[]);
        let key = app.login("alice", PASSWORD);
        let cascade = if app.database.postgres.is_some() { "" } else { "pragma foreign_keys = on;" };
        app.database.sql(&format!("{cascade} delete from users where username = 'alice'"));
        assert_refused(&until(&app, &key, 401), INVALID, "Token", "deleted");
    }

    fn a_revoked_key_is_refused(db) {
        let app = with_alice(db, &[]);
        let key = app.login("alice", PASSWORD);
        assert_eq!(me(&app, &key, &[b"Token {key}"]).status, 200);
        let new = app.regenerate("alice");
        assert_refused(&until(&app, &key, 401), INVALID, "Token", "revoked");
        assert_eq!(me(&app, &new, &[b"Token {key}"]).status, 200);
    }

    fn a_key_is_refused_from_the_moment_it_expires(db) {
        let app = with_alice(db, &[("JETON_TOKEN_TTL", "1h")]);
        let key = app.login("alice", PASSWORD);
        let answer = me(&app, &key, &[b"Token {key}"]);
        assert_eq!(answer.json()["token"]["expires_at"], "2025-06-15T16:06:40.123456Z");
        app.clock.advance(Duration::from_hours(1) - Duration::from_micros(1));
        assert_eq!(me(&app, &key, &[b"Token {key}"]).status, 200);
        app.clock.advance(Duration::from_micros(1));
        assert_refused(&me(&app, &key, &[b"Token {key}"]), INVALID, "Token", "expired");
    }

    fn other_methods_are_not_allowed(db) {
        let app = with_alice(db, &[]);
        let key = app.login("alice", PASSWORD);
        for method in ["POST", "PUT", "DELETE", "PROPFIND"] {
            let answer = app.send(Request::new(method, "/me").token(&key));
            let body = format!("{{\"detail\":\"Method \\\"{method}\\\" not allowed.\"}}");
            assert_eq!((answer.status, answer.text()), (405, body));
            assert_eq!(answer.headers_named("Allow"), ["GET, PATCH, HEAD, OPTIONS"]);
        }
    }
}
