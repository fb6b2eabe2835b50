//! Requests that many tests send.

use std::time::Duration;

use serde_json::{Value, json};

use super::app::{App, CLIENT, SECRET_KEY};
use super::http::{Answer, Request};
use super::process::Jeton;

/// The password of users in tests that are not about passwords.
pub const PASSWORD: &str = "a quiet harbour at noon";

pub const ALICE: (&str, &str) = ("alice", PASSWORD);

/// A staff user, in tests that create one, with another password than the other users.
pub const SAM: (&str, &str) = ("sam", "a lantern over the quay");

pub const MICRO: Duration = Duration::from_micros(1);

/// One microsecond less than `span`.
pub fn short_of(span: Duration) -> Duration {
    span.saturating_sub(MICRO)
}

impl App {
    /// Creates alice, an ordinary user, and logs her in.
    pub fn alice(&self) -> String {
        self.create_user(ALICE.0, ALICE.1, &json!({}));
        self.login(ALICE.0, ALICE.1)
    }

    pub fn get(&self, path: &str, key: &str) -> Answer {
        self.send(Request::new("GET", path).token(key))
    }

    pub fn delete(&self, path: &str, key: &str) -> Answer {
        self.send(Request::new("DELETE", path).token(key))
    }

    pub fn patch(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.send(Request::new("PATCH", path).token(key).json(body))
    }

    pub fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.send(Request::new("POST", path).token(key).json(body))
    }

    /// Requests a named token for the holder of `key`, with their password.
    #[track_caller]
    pub fn try_name_token(&self, key: &str, body: &Value) -> Answer {
        let mut body = body.clone();
        body["password"] = json!(self.password_of(key));
        self.post("/tokens/", key, &body)
    }

    /// Creates a named token and returns the whole answer.
    #[track_caller]
    pub fn name_token(&self, key: &str, body: &Value) -> Value {
        let answer = self.try_name_token(key, body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// Whether `key` is valid. `/introspect`, `/me` and `/auth/verify` must agree.
    #[track_caller]
    pub fn is_good(&self, key: &str) -> bool {
        let introspection = self.introspect(key);
        let active = introspection["active"] == json!(true);
        assert!(active || introspection == json!({"active": false}), "{introspection}");
        let status = if active { 200 } else { 401 };
        for path in ["/me", "/auth/verify"] {
            assert_eq!(self.get(path, key).status, status, "{path}, while introspection answers {introspection}");
        }
        active
    }

    /// The first page of a list, as the admin gets it.
    #[track_caller]
    pub fn list(&self, path: &str) -> Vec<Value> {
        let answer = self.get(path, &self.admin_token());
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["results"].as_array().unwrap().clone()
    }

    /// A user's live tokens, from the admin API.
    #[track_caller]
    pub fn tokens_of(&self, username: &str) -> Vec<Value> {
        self.list(&format!("/admin/users/{username}/tokens/"))
    }

    #[track_caller]
    pub fn explain(&self, key: &str) -> Value {
        let answer = self.post("/admin/explain", &self.admin_token(), &json!({ "token": key }));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Revokes as the tests' client.
    pub fn revoke(&self, key: &str) -> Answer {
        self.send(Request::new("POST", "/revoke").basic(CLIENT.0, CLIENT.1).form(&[("token", key)]))
    }

    /// Introspects many tokens as the tests' client.
    pub fn batch(&self, body: &Value) -> Answer {
        self.send(Request::new("POST", "/introspect/batch").basic(CLIENT.0, CLIENT.1).json(body))
    }

    /// The binary, for commands on this app's database.
    pub fn binary(&self) -> Jeton {
        Jeton::new()
            .env("DATABASE_URL", &self.database.url)
            .env("JETON_SECRET_KEY", SECRET_KEY)
            .env("JETON_ARGON2_MEMORY_KIB", "64")
            .env("JETON_ARGON2_ITERATIONS", "1")
    }

    #[track_caller]
    pub fn command(&self, arguments: &[&str]) -> String {
        let output = self.binary().run(arguments);
        assert_eq!(output.status, 0, "{arguments:?}: {}", output.stderr);
        self.wait_until_synced();
        output.stdout
    }
}
