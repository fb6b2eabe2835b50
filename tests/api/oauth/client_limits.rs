//! Wrong client credentials: limited by address, and recorded in the audit log.

use std::time::Duration;

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{ADMIN, App, CLIENT};
use crate::support::console::Visit;
use crate::support::http::{Answer, Request};

const LIMIT: (&str, &str) = ("JETON_CLIENT_LIMIT_ADDRESS", "3/min");
const PROXIES: (&str, &str) = ("JETON_TRUSTED_PROXIES", "127.0.0.1");
const ROUTES: [&str; 3] = ["/introspect", "/introspect/batch", "/revoke"];

fn token() -> String {
    "0".repeat(40)
}

/// Requests that send these credentials to each route in each way.
fn requests_with(id: &str, secret: &str) -> Vec<Request> {
    let mut requests = Vec::new();
    for route in ROUTES {
        let request = Request::new("POST", route);
        let (tokens, token) = (json!({"tokens": []}), token());
        if route == "/introspect/batch" {
            requests.push(request.clone().basic(id, secret).json(&tokens));
            requests.push(request.json(&json!({"tokens": [], "client_id": id, "client_secret": secret})));
        } else {
            requests.push(request.clone().basic(id, secret).form(&[("token", &token)]));
            requests.push(request.clone().basic(id, secret).json(&json!({"token": token})));
            requests.push(request.form(&[("token", &token), ("client_id", id), ("client_secret", secret)]));
        }
    }
    requests
}

fn introspect_from(app: &App, address: &str, id: &str, secret: &str) -> Answer {
    let request = Request::new("POST", "/introspect").header("X-Forwarded-For", address);
    app.send(request.basic(id, secret).form(&[("token", &token())]))
}

#[track_caller]
fn assert_throttled(answer: &Answer, seconds: u64) {
    let body = format!("{{\"detail\":\"Request was throttled. Expected available in {seconds} seconds.\"}}");
    assert_eq!((answer.status, answer.text()), (429, body));
    assert_eq!(answer.headers_named("Retry-After"), [seconds.to_string()]);
    assert_eq!(answer.headers_named("Cache-Control"), ["no-store"]);
}

/// What a caller is told about these clients and secrets.
fn checked(app: &App, by: &Request, clients: &[(&str, String)]) -> Vec<Value> {
    let (ids, secrets): (Vec<_>, Vec<_>) = clients.iter().cloned().unzip();
    let body = json!({"tokens": [], "edge": true, "client_ids": ids, "client_secrets": secrets});
    let answer = app.send(by.clone().json(&body));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["clients"].as_array().unwrap().clone()
}

fn failures(app: &App) -> Vec<Value> {
    app.list("/admin/audit/?action=client.failed")
}

on_both! {
    fn wrong_credentials_are_limited_however_they_are_sent_and_then_right_ones_are_refused_too(db) {
        let app = App::with(db, &[LIMIT, PROXIES]);
        let wrongs: Vec<_> = requests_with(CLIENT.0, "wrong").into_iter().chain(requests_with("nobody", CLIENT.1)).collect();
        let rights = requests_with(CLIENT.0, CLIENT.1);
        for (number, wrong) in wrongs.iter().enumerate() {
            let send = |way: &Request| app.send(way.clone().header("X-Forwarded-For", format!("192.0.2.{number}")));
            for _ in 0..3 {
                let answer = send(wrong);
                assert_eq!((answer.status, answer.json()), (401, json!({"error": "invalid_client"})));
            }
            assert_throttled(&send(wrong), 60);
            assert_throttled(&send(&rights[number % rights.len()]), 60);
        }
        app.clock.advance(Duration::from_mins(1));
        for (number, right) in rights.iter().enumerate() {
            assert_eq!(app.send(right.clone().header("X-Forwarded-For", format!("192.0.2.{number}"))).status, 200);
        }
    }

    fn a_client_that_authenticated_from_the_same_address_is_still_served(db) {
        let app = App::with(db, &[LIMIT]);
        let key = app.admin_token();
        assert_eq!(app.post("/admin/clients/", &key, &json!({"client_id": "misconfigured"})).status, 201);
        // The later ones of these requests are answered by the fast lane.
        for _ in 0..10 {
            app.introspect(&key);
        }
        for _ in 0..3 {
            assert_eq!(introspect_from(&app, "", "misconfigured", "wrong").status, 401);
        }
        assert_throttled(&introspect_from(&app, "", "misconfigured", "wrong"), 60);
        for right in requests_with(CLIENT.0, CLIENT.1) {
            assert_eq!(app.send(right).status, 200);
        }
        assert_throttled(&introspect_from(&app, "", CLIENT.0, "wrong"), 60);
        assert_eq!(app.introspect(&key)["active"], true);
        // The limit does not apply to requests without client credentials.
        let staff = Request::new("POST", "/introspect").token(&key).form(&[("token", &key)]);
        assert_eq!(app.send(staff).json()["active"], true);
        assert_eq!(app.send(Request::new("POST", "/revoke").form(&[("token", &token())])).status, 200);
    }

    fn the_limit_is_by_address_and_an_ipv6_network_counts_as_one(db) {
        let app = App::with(db, &[LIMIT, PROXIES]);
        // The client has authenticated at this node from another address, and the fast lane has served it.
        for _ in 0..10 {
            assert_eq!(introspect_from(&app, "198.51.100.7", CLIENT.0, CLIENT.1).status, 200);
        }
        for number in 1..=3 {
            assert_eq!(introspect_from(&app, &format!("2001:db8:1:2::{number}"), CLIENT.0, "wrong").status, 401);
        }
        assert_throttled(&introspect_from(&app, "2001:db8:1:2:3::4", CLIENT.0, "wrong"), 60);
        for _ in 0..4 {
            assert_throttled(&introspect_from(&app, "2001:db8:1:2:3::5", CLIENT.0, CLIENT.1), 60);
        }
        assert_eq!(introspect_from(&app, "2001:db8:1:3::1", CLIENT.0, "wrong").status, 401);
        assert_eq!(introspect_from(&app, "198.51.100.7", CLIENT.0, CLIENT.1).status, 200);
        assert_eq!(introspect_from(&app, "198.51.100.8", CLIENT.0, CLIENT.1).status, 200);
    }

    fn the_limit_of_an_address_does_not_stop_a_client_that_the_fast_lane_served_there(db) {
        let app = App::with(db, &[LIMIT, PROXIES]);
        for address in ["198.51.100.7", "198.51.100.8"] {
            for _ in 0..10 {
                assert_eq!(introspect_from(&app, address, CLIENT.0, CLIENT.1).status, 200);
            }
        }
        for _ in 0..3 {
            assert_eq!(introspect_from(&app, "198.51.100.8", "misconfigured", "wrong").status, 401);
        }
        assert_eq!(introspect_from(&app, "198.51.100.8", "misconfigured", "wrong").status, 429);
        assert_eq!(introspect_from(&app, "198.51.100.8", CLIENT.0, CLIENT.1).status, 200);
    }

    fn only_failures_count_and_the_value_none_turns_the_limit_off(db) {
        let app = App::with(db, &[LIMIT]);
        for _ in 0..3 {
            for right in requests_with(CLIENT.0, CLIENT.1) {
                assert_eq!(app.send(right).status, 200);
            }
            let without = Request::new("POST", "/introspect").form(&[("token", &token())]);
            assert_eq!(app.send(without).status, 401, "a request without credentials does not count");
        }
        assert_eq!(introspect_from(&app, "", CLIENT.0, "wrong").status, 401);
        let app = App::with(db, &[("JETON_CLIENT_LIMIT_ADDRESS", "none")]);
        assert!((0..20).all(|_| introspect_from(&app, "", CLIENT.0, "wrong").status == 401));
        assert_eq!(failures(&app).len(), 1);
    }

    fn the_default_limit_is_a_thousand_failures_a_minute(db) {
        let app = App::with(db, &[("JETON_CLIENT_LIMIT_ADDRESS", "")]);
        assert!((0..1000).all(|_| introspect_from(&app, "", CLIENT.0, "wrong").status == 401));
        assert_throttled(&introspect_from(&app, "", CLIENT.0, "wrong"), 60);
    }

    fn the_first_failure_of_a_window_is_in_the_audit_log(db) {
        let app = App::with(db, &[LIMIT, PROXIES]);
        for _ in 0..5 {
            introspect_from(&app, "192.0.2.1", CLIENT.0, "wrong");
        }
        introspect_from(&app, "192.0.2.2", "no\0body", "wrong");
        introspect_from(&app, "192.0.2.3", &"x".repeat(1000), "wrong");
        let entries = failures(&app);
        let seen: Vec<_> = entries.iter().map(|entry| (entry["actor"].as_str().unwrap(), &entry["address"])).collect();
        let expected = [("client:[hidden]", &json!("192.0.2.3")), ("client:nobody", &json!("192.0.2.2")), ("client:demo", &json!("192.0.2.1"))];
        assert_eq!(seen, expected);
        assert_eq!((&entries[2]["target"], &entries[2]["details"]), (&json!("demo"), &json!({})));
        app.clock.advance(Duration::from_mins(1));
        introspect_from(&app, "192.0.2.1", CLIENT.0, "wrong");
        assert_eq!(failures(&app).len(), 4, "one more entry in the next window");
        assert!(!entries.iter().any(|entry| entry.to_string().contains("wrong")));
    }

    fn secrets_that_a_caller_has_checked_are_limited_by_caller_and_by_the_client_that_is_tried(db) {
        let app = App::with(db, &[LIMIT]);
        let key = app.admin_token();
        let [reports, billing] = ["reports", "billing"].map(|id| {
            let answer = app.post("/admin/clients/", &key, &json!({ "client_id": id }));
            (id, answer.json()["client_secret"].as_str().unwrap().to_owned())
        });
        let right = |(id, secret): &(&'static str, String)| (*id, secret.clone());
        let wrong = |id: &'static str| (id, "wrong".to_owned());
        let by_client = Request::new("POST", "/introspect/batch").basic(CLIENT.0, CLIENT.1);
        let by_staff = Request::new("POST", "/introspect/batch").token(&key);
        let valid = json!({"valid": true});
        let throttled = json!({"valid": false, "retry_after": 60.0});
        for _ in 0..3 {
            assert_eq!(checked(&app, &by_client, &[wrong("reports")]), [json!({"valid": false})]);
        }
        let both = [right(&reports), right(&billing), wrong("reports")];
        assert_eq!(checked(&app, &by_client, &both), [throttled.clone(), valid.clone(), throttled.clone()]);
        // Others, and this caller itself, are not affected.
        assert_eq!(checked(&app, &by_staff, &both[..2]), [valid.clone(), valid.clone()]);
        assert_eq!(introspect_from(&app, "", CLIENT.0, CLIENT.1).status, 200);
        assert_eq!(introspect_from(&app, "", reports.0, &reports.1).status, 200);
        // An edge that has served a client goes on to do so.
        let many = [wrong("billing"), wrong("billing"), wrong("billing"), wrong("billing")];
        let refused = json!({"valid": false});
        let four = checked(&app, &by_client, &many);
        assert_eq!(four.iter().filter(|one| **one == refused).count(), 3, "{four:?}");
        assert_eq!(checked(&app, &by_client, &[wrong("billing"), right(&billing)]), [throttled, valid.clone()]);
        app.clock.advance(Duration::from_mins(1));
        assert_eq!(checked(&app, &by_client, &[right(&reports)]), [valid]);
        let unlimited = app.node(&[("JETON_CLIENT_LIMIT_ADDRESS", "none")]);
        assert!((0..20).all(|_| checked(&unlimited, &by_client, &[wrong("reports")]) == [json!({"valid": false})]));
    }

    fn the_audit_log_says_who_had_a_client_checked(db) {
        let app = App::with(db, &[LIMIT]);
        let by_client = Request::new("POST", "/introspect/batch").basic(CLIENT.0, CLIENT.1);
        let by_staff = Request::new("POST", "/introspect/batch").token(&app.admin_token());
        for _ in 0..5 {
            for caller in [&by_client, &by_staff] {
                checked(&app, caller, &[("reports", "wrong".to_owned()), ("billing", "wrong".to_owned())]);
            }
        }
        let shown = |entry: &Value| -> String {
            let text = |name: &str| entry[name].as_str().unwrap().to_owned();
            format!("{} {} {}", text("actor"), text("target"), entry["details"])
        };
        let entries = failures(&app);
        let mut entries: Vec<String> = entries.iter().map(shown).collect();
        entries.sort();
        assert_eq!(entries, [
            r#"client:billing billing {"caller":"admin"}"#,
            r#"client:billing billing {"caller":"client:demo"}"#,
            r#"client:reports reports {"caller":"admin"}"#,
            r#"client:reports reports {"caller":"client:demo"}"#,
        ]);
        let printed = app.command(&["audit", "--target", "reports"]);
        assert!(printed.contains(r#"{"caller":"client:demo"}"#), "{printed}");
        let page = Visit::by(&app, ADMIN).get("/console/audit?target=reports").text();
        assert!(page.contains("caller") && page.contains("client:demo"), "{page}");
    }

    fn many_networks_do_not_flood_the_audit_log(db) {
        let app = App::with(db, &[LIMIT, PROXIES]);
        for number in 0..100 {
            assert_eq!(introspect_from(&app, &format!("192.0.2.{number}"), CLIENT.0, "wrong").status, 401);
        }
        assert_eq!(app.database.sql("select count(*) from audit_log where action = 'client.failed'"), "60");
    }
}
