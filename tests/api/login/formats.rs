//! The login as other packages have it (`JETON_LOGIN_FORMAT`), and where it is (`JETON_LOGIN_PATHS`). `tests/peers/`
//! compares it with the packages themselves.

use serde_json::{Value, json};

use super::{PASSWORD, with_alice};
use crate::on_both;
use crate::support::app::{App, CLIENT, Kind};
use crate::support::http::{Answer, Request, base64};

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", base64(format!("{name}:{password}").as_bytes()))
}

fn names(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = answer.text();
    // In the order in which they are sent.
    let object: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
    let mut names: Vec<String> = object.keys().cloned().collect();
    names.sort_by_key(|name| text.find(&format!("\"{name}\":")));
    names
}

/// The fields of the answer with these settings.
fn fields(app: &App, settings: &[(&str, &str)]) -> Vec<String> {
    names(&app.node(settings).try_login("alice", PASSWORD))
}

on_both! {
    fn each_format_has_its_fields(db) {
        let app = with_alice(db, &[]);
        let (ttl, more) = (("JETON_TOKEN_TTL", "10h"), ("JETON_LOGIN_FIELDS", "user_id,email"));
        for (format, key) in [("drf", "token"), ("djoser", "auth_token"), ("dj-rest-auth", "key")] {
            let format = ("JETON_LOGIN_FORMAT", format);
            assert_eq!(fields(&app, &[format]), [key]);
            let new = [format, ttl, more, ("JETON_TOKEN_MODE", "multiple")];
            assert_eq!(fields(&app, &new), ["expiry", key, "user_id", "email"]);
        }
        let knox = [("JETON_LOGIN_FORMAT", "knox"), ("JETON_TOKEN_MODE", "multiple")];
        let answer = app.node(&knox).try_login("alice", PASSWORD);
        assert_eq!((names(&answer), &answer.json()["expiry"]), (vec!["expiry".into(), "token".into()], &Value::Null));
        assert_eq!(answer.headers_named("Cache-Control"), ["no-store"]);
        let answer = app.node(&[knox[0], knox[1], ttl, more]).try_login("alice", PASSWORD);
        assert_eq!(names(&answer), ["expiry", "token", "user"]);
        assert!(answer.json()["expiry"].is_string());
        assert_eq!(names_of(&answer.json()["user"]), ["email", "user_id"]);
    }

    fn knox_takes_credentials_in_basic_or_in_the_body(db) {
        let app = with_alice(db, &[("JETON_LOGIN_FORMAT", "knox")]);
        let post = || Request::new("POST", "/api-token-auth/");
        assert_eq!(app.send(post().header("Authorization", basic("alice", PASSWORD))).status, 200);
        assert_eq!(app.send(post().form(&[("username", "alice"), ("password", PASSWORD)])).status, 200);
        let both = post().header("Authorization", basic("alice", "wrong"));
        let answer = app.send(both.form(&[("username", "alice"), ("password", PASSWORD)]));
        assert_eq!((answer.status, answer.header("WWW-Authenticate").as_deref()), (401, Some("Basic realm=\"api\"")));
        let answer = app.send(post().form(&[("username", "alice")]));
        assert_eq!((answer.status, answer.text().as_str()), (400, r#"{"password":["This field is required."]}"#));
        // A client's credentials, and a user's key, log nobody in.
        for header in [basic(CLIENT.0, CLIENT.1), format!("Token {}", app.login("alice", PASSWORD))] {
            assert_eq!(app.send(post().header("Authorization", &header)).status, 401, "{header}");
        }
        let wrong = app.sql("select count(*) from audit_log where action = 'login.failed' and actor = 'alice'");
        assert_eq!(wrong, "1");
    }

    fn only_knox_takes_basic(db) {
        let app = with_alice(db, &[]);
        for format in ["drf", "djoser", "dj-rest-auth"] {
            let node = app.node(&[("JETON_LOGIN_FORMAT", format)]);
            let header = basic("alice", PASSWORD);
            let answer = node.send(Request::new("POST", "/api-token-auth/").header("Authorization", &header));
            assert_eq!((answer.status, answer.header("WWW-Authenticate")), (400, None), "{format}");
            // A header that is left over from something else does not matter.
            let body = json!({"username": "alice", "password": PASSWORD});
            let request = Request::new("POST", "/api-token-auth/").header("Authorization", "Basic zzz").json(&body);
            assert_eq!(node.send(request).status, 200, "{format}");
        }
    }

    fn failures_by_basic_are_limited(db) {
        let limits = ("JETON_LOGIN_LIMIT_USER", "2/min");
        let app = with_alice(db, &[("JETON_LOGIN_FORMAT", "knox"), limits]);
        let try_basic = |password: &str| {
            app.send(Request::new("POST", "/api-token-auth/").header("Authorization", basic("alice", password)))
        };
        assert_eq!([try_basic("wrong").status, try_basic("wrong").status], [401, 401]);
        let answer = try_basic(PASSWORD);
        assert_eq!((answer.status, answer.header("Retry-After").is_some()), (429, true));
        assert_eq!(app.try_login("alice", PASSWORD).status, 429, "in the body too");
    }

    fn the_login_is_at_every_path(db) {
        let paths = ("JETON_LOGIN_PATHS", "/auth/token/login/, /api/v1/login");
        let origins = ("JETON_CORS_ORIGINS", "https://app.example.com");
        let app = with_alice(db, &[paths, origins]);
        let key = app.login("alice", PASSWORD);
        let body = json!({"username": "alice", "password": PASSWORD});
        for path in ["/api-token-auth/", "/auth/token/login/", "/auth/token/login", "/api/v1/login", "/api/v1/login/"] {
            let answer = app.send(Request::new("POST", path).json(&body).header("Origin", "https://app.example.com"));
            assert_eq!((answer.status, &answer.json()["token"]), (200, &json!(key)), "{path}");
            assert_eq!(answer.headers_named("Cache-Control"), ["no-store"], "{path}");
            assert_eq!(answer.header("Access-Control-Allow-Origin").as_deref(), Some("https://app.example.com"), "{path}");
            let answer = app.send(Request::new("GET", path));
            assert_eq!((answer.status, answer.headers_named("Allow")), (405, vec!["POST, OPTIONS".into()]), "{path}");
        }
        for path in ["/auth/token/", "/api/v1/", "/auth/token/login/x", "/auth/verify"] {
            let answer = app.send(Request::new("GET", path).header("Origin", "https://app.example.com"));
            assert_eq!(answer.header("Access-Control-Allow-Origin"), None, "{path}");
        }
        let metrics = app.send(Request::new("GET", "/metrics")).text();
        assert!(metrics.contains("route=\"/api-token-auth\",status=\"405\",le=\"+Inf\"} 5\n"), "one route: {metrics}");
    }
}

fn names_of(object: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn the_document_has_the_login_s_shape() {
    let settings =
        [("JETON_LOGIN_FORMAT", "knox"), ("JETON_LOGIN_PATHS", "/auth/login/"), ("JETON_LOGIN_BY", "username,email")];
    let app = App::with(Kind::Sqlite, &settings);
    let document = app.send(Request::new("GET", "/openapi.json")).json();
    let (login, same) = (&document["paths"]["/api-token-auth/"]["post"], &document["paths"]["/auth/login/"]["post"]);
    assert_eq!((&login["operationId"], &same["operationId"]), (&json!("login"), &json!("login_2")));
    assert_eq!(login["responses"], same["responses"]);
    let answer = &login["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(names_of(&answer["properties"]), ["expiry", "token", "user"]);
    assert!(login["responses"]["401"].is_object() && login["security"][0]["password"].is_array(), "{login}");
    let djoser = App::with(Kind::Sqlite, &[("JETON_LOGIN_FORMAT", "djoser"), ("JETON_LOGIN_BY", "email")]);
    let document = djoser.send(Request::new("GET", "/openapi.json")).json();
    let login = &document["paths"]["/api-token-auth/"]["post"];
    let body = &login["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(names_of(&body["properties"]), ["email", "password"]);
    let answer = &login["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(answer["required"], json!(["auth_token"]));
}
