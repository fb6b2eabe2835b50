//! Keys, passwords and secrets are neither in the log, at any level, nor in answers about faults.

use std::time::Duration;

use serde_json::json;

use super::PASSWORD;
use crate::on_both;
use crate::support::app::{ADMIN, CLIENT, SECRET_KEY, TestDatabase};
use crate::support::eventually;
use crate::support::http::{Request, base64, encode};
use crate::support::process::Jeton;

on_both! {
    fn no_log_line_at_any_level_holds_a_secret(db) {
        for format in ["text", "json"] {
            let database = TestDatabase::new(db);
            let serving = Jeton::new()
                .env("DATABASE_URL", &database.url)
                .env("JETON_LOG", "trace")
                .env("JETON_LOG_FORMAT", format)
                .env("JETON_SECRET_KEY", SECRET_KEY)
                .env("JETON_ARGON2_MEMORY_KIB", "64")
                .env("JETON_BOOTSTRAP_ADMIN", ADMIN.0)
                .env("JETON_BOOTSTRAP_ADMIN_PASSWORD", ADMIN.1)
                .env("JETON_BOOTSTRAP_CLIENT_ID", CLIENT.0)
                .env("JETON_BOOTSTRAP_CLIENT_SECRET", CLIENT.1)
                .serve();
            let send = |request: Request| request.send(serving.addr);
            let login = |name: &str, password: &str| {
                send(Request::new("POST", "/api-token-auth/").json(&json!({"username": name, "password": password})))
            };
            let key = |request| send(request).json()["token"].as_str().unwrap().to_owned();
            let admin = login(ADMIN.0, ADMIN.1).json()["token"].as_str().unwrap().to_owned();
            let wrong = "wrong-password-of-a-user";
            login(ADMIN.0, wrong);
            login("nobody", wrong);
            let new_user = json!({"username": "alice", "password": PASSWORD});
            for password in ["1234567", "bad1234", PASSWORD] {
                let mut body = new_user.clone();
                body["password"] = json!(password);
                let answer = send(Request::new("POST", "/admin/users/").token(&admin).json(&body));
                assert!(!answer.text().contains(password), "{answer:?}");
            }
            let alice = key(Request::new("POST", "/api-token-auth/").form(&[("username", "alice"), ("password", PASSWORD)]));
            let next = key(Request::new("POST", "/admin/users/alice/regenerate?grace=1h").token(&admin));
            let introspect = || Request::new("POST", "/introspect");
            let secret = "not-the-secret-of-the-client";
            let basic = base64(format!("{}:{}", encode(CLIENT.0), encode(CLIENT.1)).as_bytes());
            for request in [
                introspect().basic(CLIENT.0, CLIENT.1).form(&[("token", &next)]),
                introspect().basic(CLIENT.0, CLIENT.1).form(&[("token", &alice), ("token", &next)]),
                introspect().basic(CLIENT.0, CLIENT.1).body("application/json", format!("{{\"token\":\"{next}\"")),
                introspect().form(&[("client_id", CLIENT.0), ("client_secret", CLIENT.1), ("token", &next)]),
                introspect().basic(CLIENT.0, secret).form(&[("token", &next)]),
                introspect().basic(CLIENT.0, CLIENT.1).form(&[("token", secret)]),
                introspect().token(&admin).form(&[("token", &next)]),
                introspect().token(&alice).form(&[("token", &next)]),
                introspect().header("Authorization", format!("Basic {CLIENT:?}")),
                introspect().basic(CLIENT.1, CLIENT.0).form(&[("token", &next)]),
                introspect().basic(&next, CLIENT.1).form(&[("token", &next)]),
                introspect().form(&[("client_id", &next), ("client_secret", CLIENT.1), ("token", &next)]),
                introspect().basic(CLIENT.0, CLIENT.1).body("text/plain", format!("token={next}")),
                Request::new("POST", "/introspect/batch").basic(CLIENT.0, CLIENT.1).json(&json!({"tokens": [next, 7]})),
                Request::new("POST", "/introspect/batch").json(&json!({"tokens": [next], "client_id": CLIENT.0, "client_secret": secret})),
                Request::new("POST", "/revoke").basic(CLIENT.0, CLIENT.1).form(&[("token", &alice), ("token", &next)]),
                Request::new("POST", "/revoke").basic(CLIENT.0, secret).form(&[("token", &next)]),
                Request::new("POST", "/revoke").header("Authorization", next.as_str()).form(&[("token", &next)]),
                Request::new("POST", "/revoke").basic(CLIENT.0, CLIENT.1).body("application/json", format!("{{\"token\":\"{next}\"")),
                Request::new("POST", "/logout/").token(&format!("{alice} {next}")),
                Request::new("GET", &format!("/auth/verify/{next}?scope={next}&group={next}")).token(&next),
                Request::new("GET", &format!("/.well-known/oauth-authorization-server/{next}")),
                Request::new("GET", "/me").token(&format!("{alice} {next}")),
                Request::new("GET", "/me").token(secret),
                Request::new("GET", "/me").header("Cookie", format!("token={next}")),
                Request::new("GET", &format!("/me?token={next}")),
                Request::new("GET", &format!("/{next}")),
                Request::new("GET", &format!("/nowhere/x.{next}/y?token={next}")),
                Request::new("GET", &format!("/nowhere/{}", encode(&basic))),
                Request::new("GET", &format!("/admin/users/?search={next}")).token(&admin),
                Request::new("POST", &format!("/admin/users/{next}/regenerate")).token(&admin),
                Request::new("POST", "/api-token-auth/").body("application/json", format!("{{\"password\":\"{PASSWORD}\"")),
                Request::new("POST", "/api-token-auth/").body(&format!("multipart/form-data; boundary={next}"), "x"),
                Request::new("POST", "/api-token-auth/").body(PASSWORD, PASSWORD),
                Request::new("POST", "/revoke").form(&[("token", &next)]),
            ] {
                send(request);
            }
            database.sql("update users set password = 'argon2id$broken' where username = 'alice'");
            login("alice", PASSWORD);
            let log = eventually("the last line of the log", Duration::from_secs(10), || {
                let log = format!("{}{}", serving.stdout(), serving.stderr());
                (log.matches("a login was refused").count() == 2 && log.contains("a user cannot log in")).then_some(log)
            });
            for word in ["TRACE", "DEBUG", "/revoke", "/auth/verify", "a client was refused", "a token was refused", "introspected"] {
                assert!(log.contains(word), "{word} is not in {log}");
            }
            for secret in [
                ADMIN.1, PASSWORD, wrong, CLIENT.1, secret, SECRET_KEY, &admin, &alice, &next, &basic, "1234567", "bad1234",
                "$argon2id$", "seven+purple+herons", "seven%20purple",
            ] {
                let line = log.lines().find(|line| line.contains(secret));
                assert!(line.is_none(), "{secret} is in the log: {line:?}");
            }
        }
    }
}
