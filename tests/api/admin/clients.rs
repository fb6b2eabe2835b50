//! `/admin/clients/`: clients are created, listed, rotated and deleted, by superusers only.

use std::time::Duration;

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{App, CLIENT};
use crate::support::calls::{MICRO, SAM, short_of};
use crate::support::http::{Answer, Request};

fn introspects(app: &App, client: &Value) -> bool {
    let (id, secret) = (client["client_id"].as_str().unwrap(), client["client_secret"].as_str().unwrap());
    match app.send(Request::new("POST", "/introspect").basic(id, secret).form(&[("token", "x")])).status {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

#[track_caller]
fn with_secret(answer: &Answer, status: u16) -> Value {
    let client = answer.json();
    assert_eq!((answer.status, answer.header("Cache-Control").as_deref()), (status, Some("no-store")), "{client}");
    assert_eq!(client.as_object().unwrap().keys().collect::<Vec<_>>(), ["client_id", "client_secret"]);
    client
}

on_both! {
    fn a_client_is_registered_rotated_and_deleted(db) {
        let app = App::start(db);
        let admin = app.admin_token();
        let first = with_secret(&app.post("/admin/clients/", &admin, &json!({"client_id": " billing "})), 201);
        assert_eq!(first["client_id"], "billing");
        assert!(introspects(&app, &first));
        let listed = app.get("/admin/clients/", &admin);
        assert!(!listed.text().contains(first["client_secret"].as_str().unwrap()));
        let listed = listed.json();
        assert_eq!((&listed["count"], &listed["results"][1]["client_id"]), (&json!(2), &json!("billing")));
        let fields: Vec<_> = listed["results"][1].as_object().unwrap().keys().collect();
        let own = ["client_id", "created_at", "rotated_at", "grace_until", "note", "owner"];
        assert_eq!(fields, [&own[..], &["last_used_at", "previous_secret_last_used_at", "requests_today", "requests_yesterday"]].concat());
        assert_eq!(listed["results"][1]["rotated_at"], Value::Null);

        let second = with_secret(&app.post("/admin/clients/billing/rotate", &admin, &json!({})), 200);
        assert!(introspects(&app, &second) && !introspects(&app, &first));
        assert_ne!(app.get("/admin/clients/", &admin).json()["results"][1]["rotated_at"], Value::Null);
        let answer = app.delete("/admin/clients/billing", &admin);
        assert_eq!((answer.status, answer.body.len()), (204, 0));
        assert!(!introspects(&app, &second));
        assert_eq!(app.delete("/admin/clients/billing/", &admin).status, 404);
        assert_eq!(app.post("/admin/clients/billing/rotate", &admin, &json!({})).status, 404);
        let mut entries = app.list("/admin/audit/?target=billing&actor=admin");
        entries.reverse();
        let summaries: Vec<_> = entries.iter().map(|entry| json!([entry["actor"], entry["action"], entry["details"]])).collect();
        let actions = ["client.create", "client.rotate", "client.delete"];
        assert_eq!(summaries, actions.map(|action| json!(["admin", action, {}])));
    }

    fn an_old_secret_stays_valid_for_its_grace_period(db) {
        let app = App::start(db);
        let node = app.node(&[]);
        let admin = app.admin_token();
        let first = with_secret(&app.post("/admin/clients/", &admin, &json!({"client_id": "billing"})), 201);
        let rotate = |query: &str| {
            let rotated = app.post(&format!("/admin/clients/billing/rotate{query}"), &admin, &json!({}));
            node.wait_until_synced();
            with_secret(&rotated, 200)
        };
        let good = |client: &Value| {
            // Each node gets two requests, because the second answer may come from its cache.
            let answers = [&app, &node, &app, &node].map(|node| introspects(node, client));
            assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
            answers[0]
        };
        assert!(good(&first));
        let second = rotate("?grace=1h");
        assert!(good(&first) && good(&second));
        app.clock.advance(short_of(Duration::from_hours(1)));
        assert!(good(&first) && good(&second));
        app.clock.advance(MICRO);
        assert!(!good(&first) && good(&second));

        let third = rotate("?grace=30m");
        assert!(good(&second) && good(&third) && !good(&first));
        let fourth = rotate("");
        assert!(!good(&second) && !good(&third) && good(&fourth), "without a grace all older secrets are dead");
        let fifth = rotate("?grace=30m");
        let sixth = rotate("?grace=0");
        assert!(!good(&fourth) && !good(&fifth) && good(&sixth), "a grace of 0 is no grace");
        let seventh = rotate("?grace=7d");
        let details = |entry: &Value| entry["details"].clone();
        let rotations: Vec<_> = app.list("/admin/audit/?action=client.rotate").iter().map(details).collect();
        let until = |moment: &str| json!({ "grace_until": moment });
        let expected = [until("2025-06-22T16:06:40.123456Z"), json!({}), until("2025-06-15T16:36:40.123456Z"), json!({}),
            until("2025-06-15T16:36:40.123456Z"), until("2025-06-15T16:06:40.123456Z")];
        assert_eq!(rotations, expected);
        assert_eq!(app.delete("/admin/clients/billing", &admin).status, 204);
        node.wait_until_synced();
        assert!(!good(&sixth) && !good(&seventh), "a deleted client has no valid secret");
    }

    fn the_last_use_of_an_old_secret_is_shown_until_the_next_rotation(db) {
        let app = App::start(db);
        let admin = app.admin_token();
        let first = with_secret(&app.post("/admin/clients/", &admin, &json!({"client_id": "billing"})), 201);
        let rotate = |query: &str| with_secret(&app.post(&format!("/admin/clients/billing/rotate{query}"), &admin, &json!({})), 200);
        // A node writes what it has noted when it stops.
        let send = |clients: &[&Value], later: Duration| {
            let node = app.node(&[]);
            for client in clients {
                assert!([(); 3].iter().all(|()| introspects(&node, client)));
            }
            app.clock.advance(later);
        };
        let shown = || app.list("/admin/clients/")[1]["previous_secret_last_used_at"].clone();
        send(&[&first], Duration::from_mins(1));
        assert_eq!(shown(), Value::Null, "it was no old secret then");
        let second = rotate("?grace=2h");
        send(&[&second], Duration::from_mins(9));
        assert_eq!(shown(), Value::Null);
        send(&[&first, &second], Duration::from_mins(10));
        assert_eq!(shown(), "2025-06-15T15:16:40.123456Z", "when it was used, not when that was written");
        send(&[&second], Duration::from_mins(10));
        assert_eq!(shown(), "2025-06-15T15:16:40.123456Z");
        send(&[&first], Duration::from_hours(9));
        assert_eq!(shown(), "2025-06-15T15:36:40.123456Z");
        send(&[&second], Duration::ZERO);
        assert_eq!((shown(), app.list("/admin/clients/")[1]["grace_until"].clone()), (json!("2025-06-15T15:36:40.123456Z"), Value::Null));

        let third = rotate("?grace=2h");
        assert_eq!(shown(), Value::Null, "another secret is the old one now");
        let node = app.node(&[]);
        assert!(introspects(&node, &second));
        app.clock.advance(Duration::from_mins(1));
        let fourth = rotate("?grace=2h");
        drop(node);
        assert_eq!(shown(), Value::Null, "what is written late is not of the newest old secret");
        send(&[&third, &fourth], Duration::ZERO);
        assert_eq!(shown(), "2025-06-16T00:37:40.123456Z");
        rotate("");
        assert_eq!(shown(), Value::Null);
    }

    fn a_client_that_is_registered_anew_does_not_have_the_requests_of_the_old_one(db) {
        let app = App::start(db);
        let node = app.node(&[]);
        let admin = app.admin_token();
        let create = || {
            let client = with_secret(&app.post("/admin/clients/", &admin, &json!({"client_id": "billing"})), 201);
            node.wait_until_synced();
            client
        };
        let first = create();
        assert!([(); 5].iter().all(|()| introspects(&node, &first)));
        assert_eq!(app.delete("/admin/clients/billing", &admin).status, 204);
        let second = create();
        assert!([(); 2].iter().all(|()| introspects(&node, &second)) && !introspects(&node, &first));
        drop(node); // writes what it has noted
        assert_eq!(app.list("/admin/clients/")[1]["requests_today"], 2);
    }

    fn what_is_written_about_a_client_can_be_changed(db) {
        let app = App::start(db);
        let admin = app.admin_token();
        let details = |client: &Value| json!([client["note"], client["owner"]]);
        let listed = || details(&app.list("/admin/clients/")[1]);
        let body = json!({"client_id": "billing", "note": "Invoices", "owner": " Žofie "});
        assert_eq!(app.post("/admin/clients/", &admin, &body).status, 201);
        assert_eq!(listed(), json!(["Invoices", "Žofie"]));
        let answer = app.patch("/admin/clients/billing", &admin, &json!({"owner": "Team B"}));
        assert_eq!((answer.status, details(&answer.json())), (200, json!(["Invoices", "Team B"])), "the note stays");
        assert_eq!(app.patch("/admin/clients/billing", &admin, &json!({"note": "", "owner": "Team B"})).status, 200);
        assert_eq!(listed(), json!(["", "Team B"]));
        assert_eq!(app.patch("/admin/clients/billing", &admin, &json!({})).status, 200);
        let entries: Vec<_> = app.list("/admin/audit/?action=client.update").iter().map(|entry| entry["details"].clone()).collect();
        assert_eq!(entries, [json!({"note": ""}), json!({"owner": "Team B"})], "what is equal is no change");

        for (field, most) in [("note", 500), ("owner", 150)] {
            assert_eq!(app.patch("/admin/clients/billing", &admin, &json!({field: "ö".repeat(most)})).status, 200);
            let fault = json!({field: [format!("Ensure this field has no more than {most} characters.")]});
            let long = json!({field: "ö".repeat(most + 1)});
            let answer = app.patch("/admin/clients/billing", &admin, &long);
            assert_eq!((answer.status, answer.json()), (400, fault.clone()));
            let mut new = long.clone();
            new["client_id"] = json!("other");
            let answer = app.post("/admin/clients/", &admin, &new);
            assert_eq!((answer.status, answer.json()), (400, fault));
            assert_eq!(app.patch("/admin/clients/nobody", &admin, &long).status, 404);
            assert_eq!(app.patch("/admin/clients/billing", &admin, &json!({field: "a\u{0}b"})).status, 400);
        }
        assert_eq!(app.patch("/admin/clients/nobody", &admin, &json!({"note": "x"})).status, 404);
        assert_eq!(app.list("/admin/clients/").len(), 2, "a refused client is not created");
    }

    fn the_end_of_an_old_secret_is_shown_until_it_has_passed(db) {
        let app = App::start(db);
        let admin = app.admin_token();
        let shown = || app.list("/admin/clients/")[0]["grace_until"].clone();
        assert_eq!(shown(), Value::Null);
        with_secret(&app.post("/admin/clients/demo/rotate?grace=1h", &admin, &json!({})), 200);
        assert_eq!(shown(), json!("2025-06-15T16:06:40.123456Z"));
        app.clock.advance(short_of(Duration::from_hours(1)));
        assert_ne!(shown(), Value::Null);
        app.clock.advance(MICRO);
        assert_eq!(shown(), Value::Null);
    }

    fn an_invalid_grace_rotates_nothing(db) {
        let app = App::start(db);
        let admin = app.admin_token();
        for bad in ["soon", "1", "-1h", "1.5h", "36501d", "1h%20"] {
            let answer = app.post(&format!("/admin/clients/demo/rotate?grace={bad}"), &admin, &json!({}));
            assert_eq!((answer.status, answer.json()), (400, json!({"grace": ["Enter a duration such as 30m or 12h."]})), "{bad}");
            assert_eq!(app.post(&format!("/admin/clients/nobody/rotate?grace={bad}"), &admin, &json!({})).status, 404);
        }
        assert!(introspects(&app, &json!({"client_id": CLIENT.0, "client_secret": CLIENT.1})));
        assert_eq!(app.list("/admin/clients/")[0]["rotated_at"], Value::Null);
    }

    fn page_parameters_are_ignored_where_no_list_is_returned(db) {
        let app = App::start(db);
        let admin = app.admin_token();
        for page in ["x", "0", "2"] {
            with_secret(&app.post(&format!("/admin/clients/demo/rotate?page={page}"), &admin, &json!({})), 200);
        }
    }

    fn callers_without_the_right_are_refused_before_the_body_is_read(db) {
        let app = App::start(db);
        app.create_user(SAM.0, SAM.1, &json!({"is_staff": true}));
        let (sam, admin) = (app.login(SAM.0, SAM.1), app.admin_token());
        for path in ["/admin/clients/", "/admin/clients/demo/rotate"] {
            let large = Request::new("POST", path).body("application/json", vec![b' '; 70_000]);
            assert_eq!(app.send(large.clone()).status, 401, "{path}");
            assert_eq!(app.send(large.clone().token(&sam)).status, 403, "{path}");
            assert_eq!(app.send(large.token(&admin)).status, 413, "{path}");
        }
    }

    fn invalid_client_ids_are_refused(db) {
        let app = App::start(db);
        let admin = app.admin_token();
        let visible = "Enter a valid client id: visible ASCII characters other than a colon.";
        for (body, fault) in [
            (json!({}), "This field is required."),
            (json!({"client_id": ""}), "This field may not be blank."),
            (json!({"client_id": null}), "This field may not be null."),
            (json!({"client_id": CLIENT.0}), "A client with that client id already exists."),
            (json!({"client_id": "a b"}), visible),
            (json!({"client_id": "a:b"}), visible),
            (json!({"client_id": "é"}), visible),
            (json!({"client_id": "x".repeat(151)}), "Ensure this field has no more than 150 characters."),
        ] {
            let answer = app.post("/admin/clients/", &admin, &body);
            assert_eq!((answer.status, answer.json()), (400, json!({"client_id": [fault]})), "{body}");
        }
        assert_eq!(app.list("/admin/clients/").len(), 1);
        // An id may have characters that must be encoded in a URL.
        with_secret(&app.post("/admin/clients/", &admin, &json!({"client_id": "a/b?c"})), 201);
        assert_eq!(app.delete("/admin/clients/a%2Fb%3Fc", &admin).status, 204);
    }

    fn only_superusers_may_manage_clients(db) {
        let app = App::start(db);
        app.create_user(SAM.0, SAM.1, &json!({"is_staff": true}));
        let (sam, alice) = (app.login(SAM.0, SAM.1), app.alice());
        let denied = json!({"detail": "You do not have permission to perform this action."});
        for (method, path) in [
            ("GET", "/admin/clients/"), ("POST", "/admin/clients/"), ("DELETE", "/admin/clients/nobody"),
            ("POST", "/admin/clients/nobody/rotate"),
        ] {
            let request = || Request::new(method, path).json(&json!({"client_id": "x"}));
            assert_eq!(app.send(request()).status, 401, "{method} {path}");
            for key in [&sam, &alice] {
                let answer = app.send(request().token(key));
                assert_eq!((answer.status, answer.json()), (403, denied.clone()), "{method} {path}");
            }
        }
        assert_eq!(app.list("/admin/clients/").len(), 1);
    }
}
