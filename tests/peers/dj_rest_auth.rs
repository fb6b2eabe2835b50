//! dj-rest-auth's `/login/`, with django-allauth and without.

use serde_json::{Value, json};

use super::{Project, facts, form, logins, malformed, post};
use crate::support::app::Kind;
use crate::support::calls::PASSWORD;
use crate::support::http::Request;

const FORMAT: (&str, &str) = ("JETON_LOGIN_FORMAT", "dj-rest-auth");
/// django-allauth finds users by name whatever its case.
const IGNORE: (&str, &str) = ("JETON_USERNAME_CASE", "ignore");

/// Username and e-mail address in their combinations.
fn either() -> Vec<Request> {
    let texts: [Value; 8] = [
        json!(null),
        json!(""),
        json!("alice"),
        json!("ALICE"),
        json!("nobody"),
        json!("alice@example.com"),
        json!("ina@example.com"),
        json!(["x"]),
    ];
    let mut requests = Vec::new();
    for username in &texts {
        for email in &texts {
            let mut body = json!({"password": PASSWORD});
            // `null` stands for a field that is not sent.
            for (name, value) in [("username", username), ("email", email)] {
                if !value.is_null() {
                    body[name] = value.clone();
                }
            }
            requests.push(post(&body));
        }
    }
    requests.push(form(&[("username", "alice"), ("email", ""), ("password", PASSWORD)]));
    requests.push(form(&[("username", ""), ("email", "alice@example.com"), ("password", PASSWORD)]));
    requests
}

#[track_caller]
fn compare(package: &str, by: &str, name: &str, alice: &str) {
    let requests = [logins(name, alice), malformed(), either()].concat();
    Project::start(package).compare(&[FORMAT, IGNORE, ("JETON_LOGIN_BY", by)], &requests);
}

#[test]
fn logouts_are_answered_as_by_dj_rest_auth() {
    let project = Project::start("dj-rest-auth");
    let answers = |addr| -> Vec<Value> {
        let login = post(&json!({"username": "alice", "password": PASSWORD})).send(addr);
        let key = login.json()["key"].as_str().unwrap().to_owned();
        let logout = || Request::new("POST", "/logout/");
        let basic = super::basic(format!("alice:{PASSWORD}"));
        let requests = [
            logout(),
            logout().token("x"),
            logout().header("Authorization", "Token"),
            logout().header("Authorization", basic),
            logout().token(&key).body("application/json", "{"),
            logout().token(&key),
            logout().json(&json!({"token": key})),
        ];
        let mut answers: Vec<Value> = requests.iter().map(|request| facts(&request.send(addr))).collect();
        // `GET` is allowed there, but a 405 unless `ACCOUNT_LOGOUT_ON_GET` is set.
        for answer in &mut answers {
            answer["headers"][1] = Value::Null;
        }
        answers
    };
    let peer = answers(project.addr);
    assert_eq!([&peer[0]["status"], &peer[4]["status"], &peer[5]["status"]], [400, 200, 401], "{peer:?}");
    for db in [Kind::Sqlite, Kind::Postgres] {
        assert_eq!(answers(project.jeton(db, &[FORMAT]).addr), peer, "{db:?}");
    }
}

#[test]
fn logins_by_username_are_answered_as_with_allauth() {
    compare("allauth-username", "username", "username", "alice");
}

#[test]
fn logins_by_email_are_answered_as_with_allauth() {
    compare("allauth-email", "email", "email", "alice@example.com");
}

#[test]
fn logins_by_either_are_answered_as_with_allauth() {
    compare("allauth-both", "username,email", "email", "alice@example.com");
    // Without allauth two things differ: the words about a body without a name, and whether the username counts beside
    // an unknown e-mail address.
    let requests: Vec<Request> = ["alice", "nobody", "ina"]
        .into_iter()
        .flat_map(|name| {
            let email = format!("{name}@example.com");
            [
                post(&json!({"username": name, "password": PASSWORD})),
                post(&json!({"username": name, "password": "wrong"})),
                post(&json!({"email": email, "password": PASSWORD})),
                post(&json!({"email": email.to_uppercase(), "password": PASSWORD})),
                post(&json!({"username": "x", "email": email, "password": PASSWORD})),
                post(&json!({"username": name})),
            ]
        })
        .collect();
    let settings = [FORMAT, IGNORE, ("JETON_LOGIN_BY", "username,email")];
    Project::start("dj-rest-auth").compare(&settings, &[requests, malformed()].concat());
}
