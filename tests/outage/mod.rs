//! The database is stopped, frozen or locked, or too many logins come at once.

mod disk;
mod known;
mod language;
mod logins;
mod postgres;
mod ready;
mod sqlite;

use std::thread;
use std::time::Duration;

use jeton::domain::time::Stopwatch;
use serde_json::{Value, json};

use crate::support::app::{ADMIN, App, CLIENT};
use crate::support::calls::PASSWORD;
use crate::support::eventually;
use crate::support::http::{Answer, Request};

/// A key that belongs to no token, so that requests with it revoke nothing.
const UNKNOWN: &str = "0000000000000000000000000000000000000000";

/// The longest time that jeton may need to recover after its database.
const RECOVERY: Duration = Duration::from_secs(5);

/// The answer, and how long it took.
fn timed(app: &App, request: Request) -> (Answer, Duration) {
    let start = Stopwatch::start();
    let answer = app.send(request);
    (answer, start.elapsed())
}

/// A name and a request for every route that needs the database, and whether the route is one of OAuth.
fn requests(token: &str) -> Vec<(&'static str, bool, Request)> {
    let password = json!({"username": ADMIN.0, "password": ADMIN.1});
    let user = json!({"username": "new", "password": PASSWORD});
    let (form, unknown) = ([("token", token)], [("token", UNKNOWN)]);
    let client = [("token", token), ("client_id", CLIENT.0), ("client_secret", CLIENT.1)];
    vec![
        ("login", false, Request::new("POST", "/api-token-auth/").json(&password)),
        ("me", false, Request::new("GET", "/me").token(token)),
        ("users", false, Request::new("GET", "/admin/users/").token(token)),
        ("new user", false, Request::new("POST", "/admin/users/").token(token).json(&user)),
        ("regenerate", false, Request::new("POST", "/admin/users/nobody/regenerate").token(token)),
        ("introspect by a client", true, Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1).form(&form)),
        ("introspect by form", true, Request::new("POST", "/introspect").form(&client)),
        ("introspect by staff", true, Request::new("POST", "/introspect").token(token).form(&form)),
        (
            "batch",
            true,
            Request::new("POST", "/introspect/batch").basic(CLIENT.0, CLIENT.1).json(&json!({"tokens": [token]})),
        ),
        ("revoke by a client", true, Request::new("POST", "/revoke").basic(CLIENT.0, CLIENT.1).form(&unknown)),
        ("revoke by staff", true, Request::new("POST", "/revoke").token(token).form(&unknown)),
        ("revoke by its holder", true, Request::new("POST", "/revoke").form(&unknown)),
        ("logout", false, Request::new("POST", "/logout/").token(UNKNOWN)),
        ("logoutall", false, Request::new("POST", "/logoutall/").token(UNKNOWN)),
        ("verify", false, Request::new("GET", "/auth/verify").token(token)),
    ]
}

fn introspection(token: &str) -> Request {
    Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1).form(&[("token", token)])
}

/// Every route answers 503 in time.
fn assert_refused(app: &App, token: &str) {
    let answers: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = requests(token)
            .into_iter()
            .map(|(name, oauth, request)| (name, oauth, scope.spawn(|| timed(app, request))))
            .collect();
        threads.into_iter().map(|(name, oauth, thread)| (name, oauth, thread.join().unwrap())).collect()
    });
    for (name, oauth, (answer, took)) in answers {
        assert_eq!(answer.status, 503, "{name}: {answer:?}");
        assert_eq!(answer.header("Retry-After").as_deref(), Some("1"), "{name}");
        let body = answer.json();
        if oauth {
            assert_eq!(body, json!({"error": "temporarily_unavailable"}), "{name}");
        } else {
            assert!(matches!(&body["detail"], Value::String(text) if !text.is_empty()), "{name}: {body}");
        }
        let limit = Duration::from_secs(if oauth { 2 } else { 5 });
        assert!(took < limit, "{name} took {took:?}");
    }
}

/// Every route answers 503 in time, but `/healthz` stays 200, and `/readyz` becomes 503 when the cache may not answer.
fn assert_database_down(app: &App, token: &str) {
    assert_refused(app, token);
    assert_eq!(app.send(Request::new("GET", "/healthz")).status, 200);
    let ready = eventually("a node that is not ready", RECOVERY, || {
        let (answer, took) = timed(app, Request::new("GET", "/readyz"));
        assert!(took < RECOVERY, "{took:?}");
        (answer.status == 503).then_some(answer)
    });
    assert!(ready.json()["detail"].is_string() && ready.json()["database"] == "down", "{ready:?}");
}

/// Everything works again without a restart of jeton.
fn assert_recovers(app: &App, token: &str) {
    eventually("a recovery", RECOVERY, || {
        let succeeded = requests(token).into_iter().all(|(_, _, request)| app.send(request).status != 503);
        succeeded.then_some(())
    });
    eventually("a node that is ready", RECOVERY, || {
        (app.send(Request::new("GET", "/readyz")).status == 200).then_some(())
    });
    assert_eq!(app.admin_token(), token, "the key is the same");
    assert_eq!(app.introspect(token)["active"], true);
}
