//! Django projects with the packages whose login jeton takes the place of (Django REST framework, Knox, djoser,
//! dj-rest-auth, from PyPI), and jeton beside each, with its users: the same requests to both, and the same answers.

mod dj_rest_auth;
mod djoser;
mod drf;
mod knox;

use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::app::{App, Kind};
use crate::support::calls::PASSWORD;
use crate::support::http::{Answer, Request, base64};
use crate::support::process::Process;
use crate::support::python::{self, Environment};
use crate::support::within;

/// Where the login is, at both.
const LOGIN: &str = "/login/";

/// A running Django project with one of the packages.
struct Project {
    addr: std::net::SocketAddr,
    folder: TempDir,
    _process: Process,
}

impl Project {
    fn start(package: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let users = json!([
            {"username": "alice", "email": "alice@example.com", "password": PASSWORD},
            {"username": "ina", "email": "ina@example.com", "password": PASSWORD, "is_active": false},
            {"username": "no-password", "email": "no-password@example.com"},
            {"username": "123", "password": "456"},
        ]);
        let environment = Environment::of_file("tests/peers/requirements.txt");
        let mut command = environment.python();
        command.arg("-W").arg("ignore").arg(python::root().join("tests/peers/project.py"));
        command.args([package, folder.path().to_str().unwrap(), &users.to_string()]);
        let process = Process::start(&mut command);
        let port: Option<u16> = within(Duration::from_mins(1), || {
            let printed = process.stdout();
            assert!(process.try_wait().is_none(), "the project ended: {process:?}");
            printed.split_once('\n')?.0.parse().ok()
        });
        let port = port.unwrap_or_else(|| panic!("the project does not listen: {process:?}"));
        Self { addr: ([127, 0, 0, 1], port).into(), folder, _process: process }
    }

    /// A jeton with the project's users.
    fn jeton(&self, db: Kind, settings: &[(&str, &str)]) -> App {
        let jeton = App::with(db, &[&[("JETON_LOGIN_PATHS", LOGIN)], settings].concat());
        let source = format!("sqlite://{}", self.folder.path().join("django.db").display());
        jeton.command(&["import", "django", "--from", &source]);
        jeton
    }

    /// Sends each request to the project and to jeton, on either database, and compares the answers.
    #[track_caller]
    fn compare(&self, settings: &[(&str, &str)], requests: &[Request]) {
        let peer: Vec<Value> = requests.iter().map(|request| facts(&request.send(self.addr))).collect();
        for db in [Kind::Sqlite, Kind::Postgres] {
            let jeton = self.jeton(db, settings);
            for (request, peer) in requests.iter().zip(&peer) {
                assert_eq!(&facts(&jeton.send(request.clone())), peer, "{db:?}: {request:?}");
            }
        }
    }
}

/// What clients notice of an answer: status, headers, body; without keys and times.
fn facts(answer: &Answer) -> Value {
    static KEYS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#""(?:[0-9a-f]{40}|[0-9a-f]{64})""#).unwrap());
    static TIMES: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#""\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(?:Z|[+-]\d\d:\d\d)""#).unwrap());
    static PARSERS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"((?:JSON|Multipart form) parse error - )(?:[^"\\]|\\.)*""#).unwrap());
    let body = answer.text();
    let body = TIMES.replace_all(&body, "\"<time>\"");
    // What follows is the parser's own text.
    let body = PARSERS.replace_all(&body, "$1<why>\"");
    let headers = ["Content-Type", "Allow", "WWW-Authenticate"].map(|name| answer.headers_named(name));
    json!({ "status": answer.status, "headers": headers, "body": KEYS.replace_all(&body, "\"<key>\"") })
}

fn post(body: &Value) -> Request {
    Request::new("POST", LOGIN).json(body)
}

fn form(fields: &[(&str, &str)]) -> Request {
    Request::new("POST", LOGIN).form(fields)
}

/// HTTP Basic as browsers send it, with this text before it is encoded.
fn basic(text: impl AsRef<[u8]>) -> String {
    format!("Basic {}", base64(text.as_ref()))
}

/// Bodies that every package's parsers and serializers answer.
fn malformed() -> Vec<Request> {
    let raw = |content_type: &str, body: &str| Request::new("POST", LOGIN).body(content_type, body);
    vec![
        post(&json!([])),
        post(&json!("text")),
        post(&json!(1)),
        post(&json!(null)),
        raw("application/json", "{"),
        raw("text/plain", "x"),
        raw("multipart/form-data", "x"),
        post(&json!({})),
        Request::new("POST", LOGIN),
        Request::new("GET", LOGIN),
        Request::new("PUT", LOGIN),
        Request::new("DELETE", LOGIN),
        Request::new("POST", LOGIN).header("Accept", "application/xml").raw_body(""),
        post(&json!({})).header("Accept", "application/json; indent=4"),
    ]
}

/// Bodies with these fields for the name and the password, from good ones to those that no client should send.
fn logins(name: &str, alice: &str) -> Vec<Request> {
    let ina = alice.replace("alice", "ina");
    let pair = |user: Value, password: Value| {
        let mut body = json!({"password": password});
        body[name] = user;
        post(&body)
    };
    let mut requests = vec![
        pair(json!(alice), json!(PASSWORD)),
        pair(json!(format!(" {alice}\u{a0}")), json!(PASSWORD)),
        pair(json!(alice), json!("wrong")),
        pair(json!(alice), json!(format!("{PASSWORD} "))),
        pair(json!(ina), json!(PASSWORD)),
        pair(json!(alice.replace("alice", "nobody")), json!(PASSWORD)),
        pair(json!(alice.replace("alice", "no-password")), json!("!")),
        form(&[(name, alice), ("password", PASSWORD)]),
        form(&[(name, alice), ("password", "wrong")]),
        form(&[(name, ""), ("password", "")]),
        form(&[(name, " "), ("password", " ")]),
        form(&[(name, ""), ("password", PASSWORD)]),
        form(&[("password", PASSWORD)]),
        form(&[(name, alice)]),
        form(&[("password", "wrong"), (name, alice), ("password", PASSWORD)]),
    ];
    for odd in [json!(""), json!(" "), json!(null), json!(true), json!(["x"]), json!({}), json!("\0"), json!(1.5)] {
        requests.push(pair(odd.clone(), json!(PASSWORD)));
        requests.push(pair(json!(alice), odd.clone()));
        requests.push(pair(odd.clone(), odd));
    }
    for field in [name, "password"] {
        let mut body = json!({});
        body[field] = json!("x");
        requests.push(post(&body));
    }
    requests
}
