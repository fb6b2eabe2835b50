//! djoser's `/token/login/` and `/token/logout/`.

use serde_json::{Value, json};

use super::{LOGIN, Project, facts, logins, malformed, post};
use crate::support::app::Kind;
use crate::support::calls::PASSWORD;
use crate::support::http::Request;

const FORMAT: (&str, &str) = ("JETON_LOGIN_FORMAT", "djoser");

#[test]
fn logins_are_answered_as_by_djoser() {
    let mut requests = [logins("username", "alice"), malformed()].concat();
    requests.push(Request::new("OPTIONS", LOGIN));
    requests.push(post(&json!({"email": "alice@example.com", "password": PASSWORD})));
    Project::start("djoser").compare(&[FORMAT], &requests);
}

#[test]
fn logins_by_email_are_answered_as_by_djoser() {
    let mut requests = [logins("email", "alice@example.com"), malformed()].concat();
    requests.push(Request::new("OPTIONS", LOGIN));
    requests.push(post(&json!({"username": "alice", "password": PASSWORD})));
    requests.push(post(&json!({"email": "ALICE@example.com", "password": PASSWORD})));
    Project::start("djoser-email").compare(&[FORMAT, ("JETON_LOGIN_BY", "email")], &requests);
}

#[test]
fn logouts_are_answered_as_by_djoser() {
    let project = Project::start("djoser");
    let answers = |addr| -> Vec<Value> {
        let login = post(&json!({"username": "alice", "password": PASSWORD})).send(addr);
        let key = login.json()["auth_token"].as_str().unwrap().to_owned();
        let logout = || Request::new("POST", "/logout/");
        let requests = [logout(), logout().token("x"), logout().token(&key), logout().token(&key)];
        requests.iter().map(|request| facts(&request.send(addr))).collect()
    };
    let peer = answers(project.addr);
    assert_eq!(peer[2]["status"], 204, "{peer:?}");
    for db in [Kind::Sqlite, Kind::Postgres] {
        assert_eq!(answers(project.jeton(db, &[FORMAT]).addr), peer, "{db:?}");
    }
}
