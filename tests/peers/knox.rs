//! Knox's login by HTTP Basic, and its logouts.

use serde_json::{Value, json};

use super::{LOGIN, Project, basic, facts};
use crate::support::app::Kind;
use crate::support::calls::PASSWORD;
use crate::support::http::Request;

const SETTINGS: [(&str, &str); 3] =
    [("JETON_LOGIN_FORMAT", "knox"), ("JETON_TOKEN_MODE", "multiple"), ("JETON_TOKEN_TTL", "10h")];

fn login(authorization: &str) -> Request {
    Request::new("POST", LOGIN).header("Authorization", authorization)
}

#[test]
fn logins_are_answered_as_by_knox() {
    let good = basic(format!("alice:{PASSWORD}"));
    let encoded = good.split(' ').nth(1).unwrap();
    let mut requests = vec![
        Request::new("POST", LOGIN),
        Request::new("POST", LOGIN).json(&json!({})),
        Request::new("GET", LOGIN),
        Request::new("OPTIONS", LOGIN),
        Request::new("GET", LOGIN).header("Authorization", &good),
        Request::new("OPTIONS", LOGIN).header("Authorization", &good),
        // The body is not read.
        login(&good).json(&json!({})),
        login(&good).json(&json!({"username": "ina", "password": "wrong"})),
        login(&good).body("application/json", "{"),
        login(&good).body("text/plain", "x"),
        login(&good).header("Accept", "application/xml"),
        login(&good).header("Accept", "application/json; indent=4"),
    ];
    for credentials in [
        format!("alice:{PASSWORD}"),
        "alice:wrong".into(),
        format!("ina:{PASSWORD}"),
        format!("nobody:{PASSWORD}"),
        format!(" alice:{PASSWORD}"),
        format!("alice:{PASSWORD} "),
        format!("ALICE:{PASSWORD}"),
        "no-password:!".into(),
        "alice".into(),
        "alice:".into(),
        format!(":{PASSWORD}"),
        ":".into(),
        "a%6Cice:x".into(),
        "alice\0:x".into(),
    ] {
        requests.push(login(&basic(credentials)));
    }
    for authorization in [
        "Basic".into(),
        "Basic a b".into(),
        "Basic !!!".into(),
        "Basic A".into(),
        basic(b"\xff:\xff"),
        "Bearer x".into(),
        "Basic: x".into(),
        format!("basic {encoded}"),
        format!("BASIC   {encoded}"),
        format!("Basic {}!{}", &encoded[..3], &encoded[3..]),
        format!("Basic {}", encoded.trim_end_matches('=')),
        format!("{good}, {good}"),
    ] {
        requests.push(login(&authorization));
    }
    Project::start("knox").compare(&SETTINGS, &requests);
}

#[test]
fn logouts_are_answered_as_by_knox() {
    let project = Project::start("knox");
    let answers = |addr| -> Vec<Value> {
        let key = || {
            let answer = login(&basic(format!("alice:{PASSWORD}"))).send(addr);
            answer.json()["token"].as_str().unwrap().to_owned()
        };
        let (first, second, third) = (key(), key(), key());
        let post = |path: &str| Request::new("POST", path);
        let requests = [
            post("/logout/"),
            post("/logout/").token("x"),
            post("/logout/").token(&first),
            post("/logout/").token(&first),
            post("/logoutall/"),
            post("/logoutall/").token(&second),
            post("/logout/").token(&third),
            post("/logoutall/").token(&third),
        ];
        requests.iter().map(|request| facts(&request.send(addr))).collect()
    };
    let peer = answers(project.addr);
    assert_eq!([&peer[2]["status"], &peer[5]["status"]], [204, 204], "{peer:?}");
    for db in [Kind::Sqlite, Kind::Postgres] {
        assert_eq!(answers(project.jeton(db, &SETTINGS).addr), peer, "{db:?}");
    }
}
