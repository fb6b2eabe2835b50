//! `/revoke`: a client, staff or the holder of a token revokes it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{App, CLIENT, Kind};
use crate::support::calls::ALICE;
use crate::support::http::{Answer, Request};

fn post() -> Request {
    Request::new("POST", "/revoke")
}

#[track_caller]
fn assert_done(answer: &Answer) {
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"), "{answer:?}");
    assert_eq!(answer.header("Content-Type").as_deref(), Some("application/json"));
    assert_eq!(answer.header("Cache-Control").as_deref(), Some("no-store"));
}

/// An app with a second client, `other`.
fn two_clients(db: Kind) -> (App, String) {
    let app = App::start(db);
    let secret = app.command(&["client", "create", "other"]).trim().to_owned();
    (app, secret)
}

fn bind(app: &App, key: &str, client: &str) {
    let id = app.introspect(key)["jti"].as_str().unwrap().to_owned();
    app.sql(&format!("update tokens set client = '{client}' where id = {id}"));
}

fn revocations(app: &App) -> Vec<Value> {
    app.list("/admin/audit/?action=token.revoke")
}

on_both! {
    fn a_client_revokes_by_basic_form_or_json(db) {
        let app = App::start(db);
        app.alice();
        let ways: [fn(&str) -> Request; 8] = [
            |key| post().basic(CLIENT.0, CLIENT.1).form(&[("token", key)]),
            |key| post().form(&[("token", key), ("client_id", CLIENT.0), ("client_secret", CLIENT.1)]),
            |key| post().json(&json!({"token": key, "client_id": CLIENT.0, "client_secret": CLIENT.1})),
            |key| post().basic(CLIENT.0, CLIENT.1).json(&json!({ "token": key })),
            |key| post().basic(CLIENT.0, CLIENT.1).form(&[("token", key), ("client_id", CLIENT.0)]),
            |key| {
                let twice = [("token", key), ("client_id", CLIENT.0), ("client_secret", CLIENT.1)];
                post().basic(CLIENT.0, CLIENT.1).form(&twice)
            },
            |key| post().basic(CLIENT.0, CLIENT.1).form(&[("token", key), ("token_type_hint", "refresh_token")]),
            |key| post().basic(CLIENT.0, CLIENT.1).form(&[("token", key), ("token_type_hint", "no_such_type")]),
        ];
        for request in ways {
            let key = app.login(ALICE.0, ALICE.1);
            assert!(app.is_good(&key));
            assert_done(&app.send(request(&key)));
            assert!(!app.is_good(&key));
            let explained = app.explain(&key);
            assert_eq!((&explained["reason"], &explained["by"]), (&json!("revoked"), &json!("client:demo")));
        }
    }

    fn staff_and_other_users_revoke_a_token_with_their_own_token(db) {
        let app = App::start(db);
        let mut victim = app.alice();
        app.create_user("bob", "an anchor in deep water", &json!({}));
        let bob = app.login("bob", "an anchor in deep water");
        for (caller, name) in [(app.admin_token(), "admin"), (bob, "bob")] {
            for form in [true, false] {
                let request = post().token(&caller);
                let request = if form { request.form(&[("token", &victim)]) } else { request.json(&json!({"token": victim})) };
                assert_done(&app.send(request));
                assert!(!app.is_good(&victim));
                assert!(app.is_good(&caller));
                assert_eq!(app.explain(&victim)["by"], name);
                victim = app.login(ALICE.0, ALICE.1);
            }
        }
    }

    fn the_holder_of_a_token_can_revoke_it_without_credentials(db) {
        let app = App::start(db);
        let key = app.alice();
        assert_done(&app.send(post().form(&[("token", &key), ("client_id", "any")])));
        assert!(!app.is_good(&key));
        let entries = revocations(&app);
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!((&entries[0]["actor"], &entries[0]["target"]), (&json!("alice"), &json!("alice")));
        assert_eq!((&entries[0]["address"], &entries[0]["at"]), (&json!("127.0.0.1"), &json!("2025-06-15T15:06:40.123456Z")));
    }

    fn wrong_credentials_are_refused_and_nothing_is_revoked(db) {
        let app = App::start(db);
        let key = app.alice();
        let token = [("token", key.as_str())];
        for request in [
            post().basic(CLIENT.0, "wrong").form(&token),
            post().basic("nobody", CLIENT.1).form(&token),
            post().basic("", "").form(&token),
            post().header("Authorization", "Basic").form(&token),
            post().header("Authorization", "Basic !!").form(&token),
            // Credentials of an unknown scheme do not count as missing.
            post().header("Authorization", "Digest username=\"demo\"").form(&token),
            post().header("Authorization", key.as_str()).form(&token),
            post().form(&[("token", &key), ("client_id", CLIENT.0), ("client_secret", "wrong")]),
            post().form(&[("token", &key), ("client_secret", CLIENT.1)]),
            post().json(&json!({"token": key, "client_id": CLIENT.0, "client_secret": "wrong"})),
        ] {
            let answer = app.send(request);
            assert_eq!((answer.status, answer.json()), (401, json!({"error": "invalid_client"})));
            assert_eq!(answer.header("WWW-Authenticate").as_deref(), Some("Basic realm=\"jeton\""));
        }
        let answer = app.send(post().token("0000000000000000000000000000000000000000").form(&token));
        assert_eq!((answer.status, answer.json()), (401, json!({"detail": "Invalid token."})));
        assert!(app.is_good(&key));
        assert_eq!(revocations(&app).len(), 0);
    }

    fn a_malformed_request_is_refused_and_revokes_nothing(db) {
        let app = App::start(db);
        let key = app.alice();
        let basic = || post().basic(CLIENT.0, CLIENT.1);
        let twice = format!("token={key}&token={key}");
        for request in [
            basic(),
            basic().form(&[]),
            basic().form(&[("token", "")]),
            basic().form(&[("token_type_hint", "access_token")]),
            basic().body("application/x-www-form-urlencoded", twice.clone()),
            basic().body("application/x-www-form-urlencoded", format!("{twice}&token=")),
            basic().json(&json!({})),
            basic().json(&json!({"token": null})),
            basic().json(&json!({"token": 7})),
            basic().json(&json!({"token": [key]})),
            basic().json(&json!([key])),
            basic().body("application/json", "{"),
            basic().body("text/plain", format!("token={key}")),
            basic().raw_body(format!("token={key}")),
            basic().form(&[("token", &key), ("client_id", CLIENT.0), ("client_secret", "another")]),
            basic().form(&[("token", &key), ("client_id", "other")]),
            post().token(&key).form(&[("token", &key), ("client_id", CLIENT.0), ("client_secret", CLIENT.1)]),
            post().form(&[]),
        ] {
            let answer = app.send(request);
            let body = answer.json();
            assert_eq!((answer.status, &body["error"]), (400, &json!("invalid_request")), "{body}");
            assert!(body["error_description"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
        }
        let url = Request::new("POST", &format!("/revoke?token={key}")).basic(CLIENT.0, CLIENT.1);
        assert_eq!(app.send(url).status, 400, "a token in the URL is not read");
        let get = Request::new("GET", &format!("/revoke?token={key}")).basic(CLIENT.0, CLIENT.1);
        assert_eq!(app.send(get).status, 405);
        assert!(app.is_good(&key));
    }

    fn revoking_a_revoked_expired_or_unknown_token_is_answered_with_200(db) {
        let app = App::with(db, &[("JETON_TOKEN_TTL", "1h")]);
        let revoked = app.alice();
        assert_done(&app.revoke(&revoked));
        let expired = app.login(ALICE.0, ALICE.1);
        app.clock.advance(Duration::from_hours(1));
        for key in [&revoked, &expired, "0000000000000000000000000000000000000000", " ", "x\0y"] {
            assert_done(&app.revoke(key));
            assert_done(&app.send(post().form(&[("token", key)])));
        }
        // The expired token may still be valid on a node with another clock, so it is revoked too.
        assert_eq!(revocations(&app).len(), 2, "only revocations that changed a row are in the log");
        assert_eq!(app.explain(&expired)["reason"], "expired");
    }

    fn a_token_of_a_client_can_be_revoked_by_that_client_only(db) {
        let (app, secret) = two_clients(db);
        let key = app.alice();
        bind(&app, &key, "other");
        assert_eq!(app.introspect(&key)["client_id"], "other");
        let answer = app.revoke(&key);
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("unauthorized_client")));
        assert!(app.is_good(&key));
        assert_done(&app.send(post().basic("other", &secret).form(&[("token", &key)])));
        assert!(!app.is_good(&key));
        assert_eq!(app.explain(&key)["by"], "client:other");
    }

    fn staff_and_holders_revoke_tokens_of_any_client(db) {
        let (app, _) = two_clients(db);
        let first = app.alice();
        bind(&app, &first, "other");
        assert_done(&app.send(post().token(&app.admin_token()).form(&[("token", &first)])));
        let second = app.login(ALICE.0, ALICE.1);
        bind(&app, &second, "other");
        assert_done(&app.send(post().form(&[("token", &second)])));
        assert!(!app.is_good(&first) && !app.is_good(&second));
    }

    fn an_empty_authorization_counts_as_missing(db) {
        let app = App::start(db);
        let key = app.alice();
        assert_done(&app.send(post().header("Authorization", " ").form(&[("token", &key)])));
        assert!(!app.is_good(&key));
    }

    fn twenty_simultaneous_revocations_have_one_audit_entry(db) {
        let app = App::start(db);
        let key = app.alice();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| assert_done(&app.revoke(&key)));
            }
        });
        assert!(!app.is_good(&key));
        assert_eq!(revocations(&app).len(), 1);
    }
}

/// Revocations need no credentials, so anybody may send many. They must leave database connections for other requests.
#[test]
fn many_revocations_at_once_leave_connections_for_other_requests() {
    let app = App::with(Kind::Postgres, &[("JETON_DATABASE_POOL", "4"), ("JETON_WORKERS", "4")]);
    let mut session = app.database.writer();
    session.run("lock table tokens in access exclusive mode;");
    std::thread::scope(|scope| {
        let app = &app;
        let revocations = (0..40).map(|number| {
            let key = format!("{number:040x}");
            scope.spawn(move || app.send(post().form(&[("token", &key)])).status)
        });
        let revocations: Vec<_> = revocations.collect();
        app.database.wait_for_blocked(2);
        for _ in 0..5 {
            assert_eq!(app.send(Request::new("GET", "/readyz")).status, 200);
        }
        drop(session);
        let statuses: Vec<u16> = revocations.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    });
}
