//! The commands as people and scripts run them: what they print and where, their exit status, and that a running server
//! applies their changes at once.

mod backup;
mod client;
mod documented;
mod help;
mod import_csv;
mod many;
mod pg_restore;
mod restore;
mod terminal;
mod token;
mod token_list;
mod user;
mod user_update;
mod words;

use serde_json::{Value, json};

use crate::support::app::{SECRET_KEY, TestDatabase};
use crate::support::http::{Answer, Request};
use crate::support::process::{Jeton, Output, Serving};
use crate::support::wait_until_synced;

pub use crate::support::calls::PASSWORD;

/// The binary on this database, with cheap hashes.
pub fn jeton(database: &TestDatabase) -> Jeton {
    Jeton::new()
        .env("DATABASE_URL", &database.url)
        .env("JETON_SECRET_KEY", SECRET_KEY)
        .env("JETON_WORKERS", "1")
        .env("JETON_LOGIN_THREADS", "1")
        .env("JETON_ARGON2_MEMORY_KIB", "64")
        .env("JETON_ARGON2_ITERATIONS", "1")
}

/// The same, on a database that `jeton migrate` has created.
#[track_caller]
pub fn migrated(database: &TestDatabase) -> Jeton {
    let jeton = jeton(database);
    done(&jeton, &["migrate"]);
    jeton
}

/// Runs a command that must succeed, and returns its standard output.
#[track_caller]
pub fn done(jeton: &Jeton, args: &[&str]) -> String {
    let output = jeton.run(args);
    assert_eq!(output.status, 0, "{args:?}: {output:?}");
    output.stdout
}

/// Runs a command that must be refused, with nothing on standard output. Returns its last line on standard error.
#[track_caller]
pub fn refused(jeton: &Jeton, args: &[&str]) -> String {
    why(&jeton.run(args))
}

#[track_caller]
pub fn why(output: &Output) -> String {
    assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output:?}");
    output.stderr.lines().next_back().unwrap_or_default().to_owned()
}

/// `user create` with `PASSWORD`.
#[track_caller]
pub fn create_user(jeton: &Jeton, username: &str, flags: &[&str]) {
    let args = [&["user", "create", "--password-stdin", username], flags].concat();
    let output = jeton.run_with_stdin(&args, PASSWORD);
    assert_eq!((output.status, output.stdout.as_str()), (0, ""), "{output:?}");
}

/// Parses the output of a command with `--json`.
#[track_caller]
pub fn json_of(printed: &str) -> Value {
    serde_json::from_str(printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

pub fn try_login(server: &Serving, username: &str, password: &str) -> Answer {
    Request::new("POST", "/api-token-auth/")
        .json(&json!({"username": username, "password": password}))
        .send(server.addr)
}

#[track_caller]
pub fn login(server: &Serving, username: &str) -> String {
    let answer = try_login(server, username, PASSWORD);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["token"].as_str().unwrap().to_owned()
}

/// The status of `/introspect` for this client, once the server has received what commands changed; 200 for a good one.
pub fn introspect_status(server: &Serving, client_id: &str, secret: &str) -> u16 {
    wait_until_synced(server.addr);
    Request::new("POST", "/introspect").basic(client_id, secret).form(&[("token", "x")]).send(server.addr).status
}

/// Introspects as a client that was created for it, once the server has received what commands changed.
pub fn introspect(server: &Serving, client: &(String, String), token: &str) -> Value {
    wait_until_synced(server.addr);
    let request = Request::new("POST", "/introspect").basic(&client.0, &client.1).form(&[("token", token)]);
    let answer = request.send(server.addr);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Creates a client, and returns its id and secret.
#[track_caller]
pub fn create_client(jeton: &Jeton, client_id: &str) -> (String, String) {
    (client_id.to_owned(), done(jeton, &["client", "create", client_id]).trim_end().to_owned())
}

/// The key in DRF's line; the line itself must be DRF's, to the byte.
#[track_caller]
pub fn key_in(printed: &str, username: &str) -> String {
    let key = printed.strip_prefix("Generated token ").and_then(|rest| rest.get(..40)).unwrap_or_default();
    assert_eq!(printed, format!("Generated token {key} for user {username}\n"));
    assert!(key.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')), "{printed}");
    key.to_owned()
}
