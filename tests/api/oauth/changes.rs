//! `GET /changes`: what has changed, for services that cache answers of introspection.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{App, CLIENT, Kind};
use crate::support::http::{Answer, Request};

fn get_changes(app: &App, after: &str) -> Answer {
    let path = if after.is_empty() { "/changes".to_owned() } else { format!("/changes?after={after}") };
    app.send(Request::new("GET", &path).basic(CLIENT.0, CLIENT.1))
}

/// The changes after `cursor`, which is then set to the cursor of the answer.
#[track_caller]
fn changes(app: &App, cursor: &mut String) -> Value {
    let answer = get_changes(app, cursor);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("Cache-Control").as_deref(), Some("no-store"));
    let mut body = answer.json();
    body["cursor"].as_str().unwrap().clone_into(cursor);
    assert_eq!(body["reset"], false, "{body}");
    body["changes"].take()
}

#[track_caller]
fn first_cursor(app: &App) -> String {
    let mut cursor = String::new();
    assert_eq!(changes(app, &mut cursor), json!([]));
    cursor
}

fn token_id(app: &App, key: &str) -> i64 {
    app.introspect(key)["jti"].as_str().unwrap().parse().unwrap()
}

on_both! {
    fn each_change_is_returned_once_to_a_client_with_a_cursor(db) {
        let app = App::start(db);
        let key = app.alice();
        let (id, user) = (token_id(&app, &key), app.introspect(&key)["user_id"].clone());
        let mut cursor = first_cursor(&app);
        assert_eq!(changes(&app, &mut cursor), json!([]));
        app.revoke(&key);
        assert_eq!(changes(&app, &mut cursor), json!([{ "token": id }]));
        assert_eq!(changes(&app, &mut cursor), json!([]), "once");
        app.sql("update users set email = 'e@example.com' where username = 'alice'");
        assert_eq!(changes(&app, &mut cursor), json!([{ "user": user }]));
        app.command(&["client", "create", "reports"]);
        assert_eq!(changes(&app, &mut cursor), json!([{ "client": "reports" }]));
    }

    fn the_answer_has_every_change_committed_before_the_request(db) {
        let app = App::with(db, &[("JETON_REVOCATION_BOUND", "400ms")]);
        let mut cursor = first_cursor(&app);
        for round in 0..10 {
            app.sql(&format!("update users set email = '{round}@example.com' where is_superuser"));
            assert_eq!(changes(&app, &mut cursor).as_array().unwrap().len(), 1, "{round}");
        }
    }

    fn an_invalid_or_foreign_cursor_is_answered_with_a_reset(db) {
        let app = App::start(db);
        let foreign = first_cursor(&App::start(db));
        for after in [foreign.as_str(), "nonsense", "1-2-3"] {
            let answer = get_changes(&app, after);
            let body = answer.json();
            assert_eq!((answer.status, &body["reset"], &body["changes"]), (200, &json!(true), &json!([])), "{after}");
            let mut cursor = body["cursor"].as_str().unwrap().to_owned();
            assert_eq!(changes(&app, &mut cursor), json!([]));
        }
        let mut cursor = first_cursor(&app);
        app.sql("update groups set name = name; insert into groups (id, name) values (99, 'g'); update groups set name = 'h'");
        let body = get_changes(&app, &cursor).json();
        assert_eq!((&body["reset"], &body["changes"]), (&json!(true), &json!([])), "a change of a group is a reset, not a list of its members");
        body["cursor"].as_str().unwrap().clone_into(&mut cursor);
        assert_eq!(changes(&app, &mut cursor), json!([]));
    }

    fn a_cursor_is_good_on_every_node(db) {
        let app = App::start(db);
        let key = app.alice();
        let id = token_id(&app, &key);
        let other = app.node(&[]);
        // When a node starts on SQLite, earlier cursors end.
        first_cursor(&other);
        let mut cursor = first_cursor(&app);
        app.revoke(&key);
        assert_eq!(changes(&other, &mut cursor), json!([{ "token": id }]));
        app.sql("update users set email = 'e@example.com' where username = 'alice'");
        assert_eq!(changes(&app, &mut cursor).as_array().unwrap().len(), 1);
    }

    fn only_callers_who_may_introspect_can_read_changes(db) {
        let app = App::start(db);
        let key = app.alice();
        let get = || Request::new("GET", "/changes");
        assert_eq!(app.send(get()).status, 401);
        assert_eq!(app.send(get().basic(CLIENT.0, "wrong")).status, 401);
        assert_eq!(app.send(get().token(&key)).status, 403);
        assert_eq!(app.send(get().token(&app.admin_token())).status, 200);
    }
}

/// In SQLite an older copy of the file may have been put back before the start.
#[test]
fn a_cursor_is_good_after_a_node_has_started_but_not_in_sqlite() {
    for db in [Kind::Postgres, Kind::Sqlite] {
        let app = App::start(db);
        let id = token_id(&app, &app.alice());
        let cursor = first_cursor(&app);
        app.sql(&format!("update tokens set scope = 'a' where id = {id}"));
        let body = get_changes(&app.node(&[]), &cursor).json();
        assert_eq!(body["reset"], db == Kind::Sqlite, "{body}");
        assert_eq!(body["changes"], if db == Kind::Sqlite { json!([]) } else { json!([{ "token": id }]) });
    }
}

/// With `?wait=true` the answer comes after `JETON_REVOCATION_BOUND`: by then no cache still answers that the token is
/// active.
#[test]
fn with_wait_the_answer_comes_after_the_bound() {
    let app = App::with(Kind::Sqlite, &[("JETON_REVOCATION_BOUND", "1500ms")]);
    let bound = std::time::Duration::from_millis(1_500);
    let (admin, key) = (app.admin_token(), app.alice());
    for (request, status) in [
        (Request::new("POST", "/revoke?wait=true").basic(CLIENT.0, CLIENT.1).form(&[("token", &key)]), 200),
        (Request::new("POST", "/admin/users/alice/regenerate?wait=1").token(&admin), 200),
        (Request::new("PATCH", "/admin/users/alice?wait=True").token(&admin).json(&json!({"is_active": false})), 200),
        (Request::new("DELETE", "/admin/users/alice?wait=soon").token(&admin), 204),
    ] {
        let since = std::time::Instant::now();
        let answer = app.send(request);
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(since.elapsed() >= bound, "{answer:?}");
    }
    let since = std::time::Instant::now();
    let refused = app.send(Request::new("DELETE", "/admin/users/alice?wait=true").token(&admin));
    assert_eq!(refused.status, 404, "a refusal does not wait");
    let key = app.alice();
    assert_eq!(
        app.send(Request::new("POST", "/logout/?wait=true")).status,
        401,
        "a request without credentials does not wait"
    );
    assert_eq!(app.send(Request::new("POST", "/logout/?wait=false").token(&key)).status, 204);
    assert!(since.elapsed() < bound * 10, "none of these requests waits");
}

/// The change is made when the wait begins, and the key is shown once: a database that fails then must not lose it.
#[test]
fn the_answer_after_a_wait_is_given_whatever_happens_to_the_database_meanwhile() {
    let app = App::with(Kind::Postgres, &[("JETON_DATABASE_TIMEOUT", "1s")]);
    let (admin, old) = (app.admin_token(), app.alice());
    let mut another = app.database.writer();
    another.run("lock table meta in access exclusive mode;");
    let answer = app.send(Request::new("POST", "/admin/users/alice/regenerate?wait=true").token(&admin));
    assert_eq!(answer.status, 200, "{answer:?}");
    let new = answer.json()["token"].as_str().unwrap().to_owned();
    another.run("rollback;");
    assert_eq!([&old, &new].map(|key| app.get("/me", key).status), [401, 200]);
}
