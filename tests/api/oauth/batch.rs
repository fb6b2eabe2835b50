//! `/introspect/batch`: many tokens at once.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{App, CLIENT};
use crate::support::http::{Answer, Request};
use crate::support::watched::Watched;

const UNKNOWN: &str = "0000000000000000000000000000000000000000";

fn post() -> Request {
    Request::new("POST", "/introspect/batch")
}

#[track_caller]
fn results(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("Cache-Control").as_deref(), Some("no-store"));
    let answer = answer.json();
    assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
    answer["results"].as_array().unwrap().clone()
}

on_both! {
    fn the_answers_equal_the_answers_of_introspect_in_the_order_of_the_request(db) {
        let app = App::start(db);
        let (alice, admin) = (app.alice(), app.admin_token());
        let named = app.name_token(&alice, &json!({"name": "n", "scope": "a"}))["token"].as_str().unwrap().to_owned();
        let sent = [&named, UNKNOWN, &alice, "", &admin, &alice, " ", "a\0b", &"x".repeat(2000)];
        let got = results(&app.batch(&json!({ "tokens": sent })));
        let inactive = json!({"active": false});
        let expected = [
            app.introspect(&named), inactive.clone(), app.introspect(&alice), inactive.clone(),
            app.introspect(&admin), app.introspect(&alice), inactive.clone(), inactive.clone(), inactive,
        ];
        assert_eq!(got, expected);
        assert_eq!(got[2]["username"], "alice");
    }

    fn an_empty_list_gets_an_empty_list(db) {
        let app = App::start(db);
        assert_eq!(app.batch(&json!({"tokens": []})).text(), "{\"results\":[]}");
    }

    fn a_thousand_tokens_are_answered_and_one_more_is_refused(db) {
        let app = App::start(db);
        let key = app.alice();
        let mut sent = vec![UNKNOWN.to_owned(); 1000];
        for (number, text) in sent.iter_mut().enumerate() {
            *text = format!("{number:040x}");
        }
        sent[0].clone_from(&key);
        sent[999].clone_from(&key);
        let got = results(&app.batch(&json!({ "tokens": sent })));
        let active = |answer: &Value| answer["active"] == json!(true);
        assert_eq!((got.len(), got.iter().filter(|answer| active(answer)).count()), (1000, 2));
        assert!(active(&got[0]) && active(&got[999]));
        sent.push(key);
        let answer = app.batch(&json!({ "tokens": sent }));
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")));
        let answers = results(&app.batch(&json!({"tokens": vec![sent.last().unwrap(); 1000]})));
        assert!(answers.iter().all(active), "every answer about the same token is active");
    }

    fn a_body_that_is_not_a_list_of_texts_is_refused(db) {
        let app = App::start(db);
        let key = app.alice();
        let basic = || post().basic(CLIENT.0, CLIENT.1);
        for request in [
            basic(),
            basic().json(&json!({})),
            basic().json(&json!([key])),
            basic().json(&json!(key)),
            basic().json(&json!({"tokens": key})),
            basic().json(&json!({"tokens": null})),
            basic().json(&json!({"tokens": {"0": key}})),
            basic().json(&json!({"tokens": [key, 7]})),
            basic().json(&json!({"tokens": [key, null]})),
            basic().json(&json!({"tokens": [[key]]})),
            basic().json(&json!({"tokens": [{"token": key}]})),
            basic().body("application/json", "{\"tokens\": ["),
            basic().form(&[("tokens", &key)]),
            basic().body("text/plain", json!({"tokens": [key]}).to_string()),
        ] {
            let answer = app.send(request);
            assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")), "{answer:?}");
        }
        assert_eq!(app.send(Request::new("GET", "/introspect/batch").basic(CLIENT.0, CLIENT.1)).status, 405);
    }

    fn a_body_may_be_256_kib_and_not_a_byte_more(db) {
        let app = App::start(db);
        let key = app.alice();
        let body = json!({"tokens": [key, UNKNOWN]}).to_string();
        let padded = |length: usize| format!("{}{body}", " ".repeat(length - body.len()));
        let send = |length| app.send(post().basic(CLIENT.0, CLIENT.1).body("application/json", padded(length)));
        assert_eq!(results(&send(256 * 1024)).len(), 2);
        let answer = send(256 * 1024 + 1);
        assert_eq!((answer.status, answer.json()), (413, json!({"detail": "The request body is too large."})));
        let full = vec!["a".repeat(250); 1000];
        assert_eq!(results(&app.batch(&json!({ "tokens": full }))).len(), 1000);
    }

    fn only_clients_and_staff_may_introspect_a_batch(db) {
        let app = App::start(db);
        let (alice, body) = (app.alice(), json!({"tokens": []}));
        let staff = app.post("/introspect/batch", &app.admin_token(), &body);
        assert_eq!(staff.status, 200);
        for request in [post(), post().basic(CLIENT.0, "wrong"), post().header("Authorization", "Basic x")] {
            let answer = app.send(request.json(&body));
            assert_eq!((answer.status, answer.json()), (401, json!({"error": "invalid_client"})));
            assert_eq!(answer.header("WWW-Authenticate").as_deref(), Some("Basic realm=\"jeton\""));
        }
        let answer = app.post("/introspect/batch", &alice, &body);
        let sentence = json!({"detail": "You do not have permission to perform this action."});
        assert_eq!((answer.status, answer.json()), (403, sentence));
        let answer = app.post("/introspect/batch", UNKNOWN, &body);
        assert_eq!((answer.status, answer.json()), (401, json!({"detail": "Invalid token."})));
        let (id, secret) = CLIENT;
        let in_the_body = |id: &str, secret: &str| {
            app.send(post().json(&json!({"tokens": [alice], "client_id": id, "client_secret": secret})))
        };
        assert_eq!(results(&in_the_body(id, secret))[0]["username"], "alice", "as at /introspect");
        assert_eq!(in_the_body(id, "wrong").status, 401);
        assert_eq!(in_the_body("other", secret).status, 401);
        let twice = |other: &str| post().basic(id, secret).json(&json!({"tokens": [], "client_secret": other}));
        assert_eq!([secret, "another"].map(|other| app.send(twice(other)).status), [200, 400]);
        let malformed = app.send(post().body("application/json", "{"));
        assert_eq!(malformed.status, 401, "the caller is authenticated before the body is read");
    }
}

#[test]
fn a_thousand_tokens_cost_one_query() {
    let watched = Watched::start(&[("JETON_CACHE_BYTES", "0")]);
    let keys: Vec<String> = (0..1000).map(|number| format!("{number:040x}")).collect();
    assert_eq!(watched.lookups(|app| assert_eq!(results(&app.batch(&json!({"tokens": keys}))).len(), 1000)), 1);
    assert_eq!(
        watched.lookups(|app| {
            app.introspect(UNKNOWN);
            app.introspect(UNKNOWN);
        }),
        2,
        "lookups are counted"
    );
}
