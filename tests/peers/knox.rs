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
        Request::new("GET", LOGIN).header("Authorization", &good).header("Accept", "application/xml"),
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
    // It is asked who calls before anything else, whatever the method.
    for method in ["GET", "OPTIONS", "PUT", "DELETE", "PROPFIND"] {
        for authorization in [
            basic("alice:wrong"),
            basic(format!("ina:{PASSWORD}")),
            basic(format!("nobody:{PASSWORD}")),
            basic("alice"),
            good.clone(),
            "Basic".into(),
            "Basic a b".into(),
            "Basic A".into(),
            "Bearer x".into(),
        ] {
            requests.push(Request::new(method, LOGIN).header("Authorization", authorization));
        }
    }
    Project::start("knox").compare(&SETTINGS, &requests);
}

/// Python's base64 passes over much, and so do the logins of Django's clients.
#[test]
fn base64_is_read_as_by_python() {
    let mut requests = Vec::new();
    // Of each length of padding, and as long as there is room for mistakes.
    for name in ["alice", "a", "al", "ali"] {
        let encoded = basic(format!("{name}:{PASSWORD}"));
        let encoded = encoded.strip_prefix("Basic ").unwrap();
        let bare = encoded.trim_end_matches('=');
        for text in [
            format!("{encoded}="),
            format!("{encoded}===="),
            format!("{bare}=x="),
            format!("{bare}=x=="),
            format!("{bare}=!="),
            format!("{bare}==rest"),
            format!("{bare}=rest"),
            format!("{bare}rest"),
            format!("{bare}x"),
            format!("{bare}xx"),
            format!("{bare}-_"),
            format!("={encoded}"),
            format!("=={encoded}"),
            format!("!{encoded}!"),
            bare.to_owned(),
            bare[..bare.len() - 1].to_owned(),
        ] {
            requests.push(login(&format!("Basic {text}")));
        }
        for at in 1..7 {
            for inserted in ["=", "==", "===", "=!=", ".", "-", "_", "\u{e9}", "=A=", "A="] {
                let authorization = format!("Basic {}{inserted}{}", &encoded[..at], &encoded[at..]);
                requests.push(login(&authorization));
            }
        }
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
