//! The rights of a token on jeton itself: a login token has all rights of its user, a named token almost none.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::calls::{ALICE, SAM};
use crate::support::http::{Answer, Request};

/// A named token that a superuser has created for this user.
fn named(app: &App, username: &str, scope: &str) -> String {
    let path = format!("/admin/users/{username}/tokens/");
    let answer = app.post(&path, &app.admin_token(), &json!({"name": "n", "scope": scope}));
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["token"].as_str().unwrap().to_owned()
}

#[track_caller]
fn assert_denied(answer: &Answer, why: &str) {
    let sentence = json!({"detail": "You do not have permission to perform this action."});
    assert_eq!((answer.status, answer.json()), (403, sentence), "{why}");
}

/// One request for each route below `/admin/`, and whether staff without superuser rights may send it. None changes the
/// caller.
fn admin_routes() -> Vec<(Request, bool)> {
    let get = |path: &str| Request::new("GET", path);
    let post = |path: &str, body: Value| Request::new("POST", path).json(&body);
    vec![
        (get("/admin/users/"), true),
        (get("/admin/users/alice"), true),
        (get("/admin/users/alice/tokens/"), true),
        (get("/admin/audit/"), true),
        (post("/admin/explain", json!({"token": "x"})), true),
        (post("/admin/users/", json!({"username": "new", "password": "tall ships sail"})), true),
        (Request::new("PATCH", "/admin/users/new").json(&json!({"first_name": "New"})), true),
        (post("/admin/users/new/password", json!({"password": "an anchor in deep water"})), true),
        (post("/admin/users/new/regenerate", json!({})), true),
        (post("/admin/users/new/tokens/", json!({"name": "m"})), true),
        (Request::new("DELETE", "/admin/users/new"), true),
        (get("/admin/clients/"), false),
        (post("/admin/clients/", json!({"client_id": "new"})), false),
        (Request::new("POST", "/admin/clients/new/rotate"), false),
        (Request::new("DELETE", "/admin/clients/new"), false),
    ]
}

on_both! {
    fn a_named_token_needs_a_scope_below_admin(db) {
        let app = App::start(db);
        app.alice();
        app.create_user(SAM.0, SAM.1, &json!({"is_staff": true}));
        app.login(SAM.0, SAM.1);
        for (username, is_superuser) in [(ADMIN.0, true), (SAM.0, false)] {
            for scope in ["", "reports:read", "admin jeton jeton:administrator JETON:ADMIN jeton:admin:read"] {
                let key = named(&app, username, scope);
                for (request, _) in admin_routes() {
                    let about = format!("{request:?}");
                    assert_denied(&app.send(request.token(&key)), &about);
                }
                assert_denied(&app.delete("/admin/tokens/1", &key), "revoke");
                let end = Request::new("PATCH", "/admin/tokens/1").json(&json!({"expires_in": "1h"}));
                assert_denied(&app.send(end.token(&key)), "update");
            }
            let key = named(&app, username, "reports:read jeton:admin");
            for (request, staff_may) in admin_routes() {
                let about = format!("{request:?}");
                let answer = app.send(request.token(&key));
                if is_superuser || staff_may {
                    assert!(answer.status < 300, "{about}: {}", answer.text());
                } else {
                    assert_denied(&answer, &about);
                }
            }
        }
        let key = named(&app, ALICE.0, "jeton:admin");
        for (request, _) in admin_routes() {
            assert_denied(&app.send(request.token(&key)), "the scope gives no right that the user does not have");
        }
    }

    fn a_named_token_introspects_with_that_scope_only(db) {
        // The test runs without the cache, and with it.
        for cache in ["0", "64MiB"] {
            let app = App::with(db, &[("JETON_CACHE_BYTES", cache)]);
            let alice = app.alice();
            let introspect = |key: &str| {
                let single = app.send(Request::new("POST", "/introspect").token(key).form(&[("token", &alice)]));
                let body = json!({"tokens": [alice]});
                let batch = app.send(Request::new("POST", "/introspect/batch").token(key).json(&body));
                assert_eq!(single.status, batch.status, "{}", batch.text());
                single
            };
            let weak = named(&app, ADMIN.0, "reports:read");
            let strong = named(&app, ADMIN.0, "jeton:admin");
            for _ in 0..3 {
                assert_denied(&introspect(&weak), "a superuser's token without the scope");
                assert_eq!(introspect(&strong).json()["username"], "alice");
                assert_eq!(introspect(&app.admin_token()).json()["username"], "alice", "a login token");
                assert_denied(&introspect(&alice), "alice is not staff");
                assert_denied(&introspect(&named(&app, ALICE.0, "jeton:admin")), "alice is not staff, and has the scope in vain");
            }
            // A client may introspect this token, and it is valid at `/me` and `/auth/verify`.
            assert!(app.is_good(&weak));
        }
    }

    fn a_named_token_revokes_itself_and_no_other_token(db) {
        let app = App::start(db);
        let alice = app.alice();
        let revoke = |key: &str, token: &str| {
            app.send(Request::new("POST", "/revoke").token(key).form(&[("token", token)]))
        };
        for username in [ADMIN.0, ALICE.0] {
            let (weak, other) = (named(&app, username, "reports:read"), named(&app, username, "a"));
            for token in [alice.as_str(), &other, "unknown", &"0".repeat(40)] {
                assert_denied(&revoke(&weak, token), token);
            }
            assert!(app.is_good(&alice) && app.is_good(&other));
            assert_eq!(revoke(&weak, &weak).status, 200);
            assert!(!app.is_good(&weak));
            assert_eq!(app.explain(&weak)["by"], username);
            let strong = named(&app, username, "jeton:admin");
            assert_eq!(revoke(&strong, &other).status, 200);
            assert_eq!(revoke(&strong, "unknown").status, 200);
            assert!(!app.is_good(&other));
        }
    }

    fn a_named_token_cannot_change_its_user_or_their_tokens(db) {
        let app = App::start(db);
        let login = app.alice();
        let id = app.introspect(&login)["jti"].as_str().unwrap().to_owned();
        for (username, password) in [ALICE, ADMIN] {
            for scope in ["", "jeton:admin"] {
                let key = named(&app, username, scope);
                let change = json!({"old_password": password, "new_password": "an anchor in deep water"});
                for request in [
                    Request::new("GET", "/tokens/"),
                    Request::new("HEAD", "/tokens/"),
                    Request::new("POST", "/tokens/").json(&json!({"name": "n", "password": password})),
                    Request::new("POST", "/tokens/").json(&json!({})),
                    Request::new("DELETE", &format!("/tokens/{id}")),
                    Request::new("DELETE", "/tokens/x"),
                    Request::new("PATCH", "/me").json(&json!({"first_name": "A"})),
                    Request::new("POST", "/me/password").json(&change),
                ] {
                    let about = format!("{request:?}");
                    let answer = app.send(request.token(&key));
                    assert_eq!(answer.status, 403, "{about}: {}", answer.text());
                }
                assert_eq!(app.get("/me", &key).json()["first_name"], "");
                assert_eq!(app.send(Request::new("POST", "/logout/").token(&key)).status, 204);
                assert!(!app.is_good(&key));
            }
        }
        assert!(app.is_good(&login));
        assert_eq!(app.login(ALICE.0, ALICE.1), login, "alice's password is unchanged");
        assert_eq!(app.list("/admin/audit/?action=login.failed").len(), 0, "no password was checked");
    }
}
