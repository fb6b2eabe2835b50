//! The document itself, checked by public validators and against the server.

use std::fs;

use jeton::domain::user::LoginBy;
use jeton::http::{LoginFormat, LoginOptions};
use serde_json::{Value, json};

use super::VALIDATOR;
use crate::on_both;
use crate::support::app::{App, Kind};
use crate::support::http::Request;
use crate::support::process::Jeton;
use crate::support::python::{Environment, root};

/// The document with each format of the login.
fn documents() -> Vec<Value> {
    let formats = [LoginFormat::Drf, LoginFormat::Knox, LoginFormat::Djoser, LoginFormat::DjRestAuth];
    let options = formats.map(|format| LoginOptions {
        format,
        paths: vec!["/auth/login/".into()],
        by: LoginBy::UsernameOrEmail,
        fields: vec!["email".into()],
    });
    options.iter().map(jeton::http::document_with).chain([jeton::http::document()]).collect()
}

/// Runs `name`, a script beside this file, on the document.
fn output_of(name: &str, document: &Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("openapi.json");
    fs::write(&path, document.to_string()).unwrap();
    let mut python = Environment::of(&VALIDATOR).python();
    let script = root().join("tests/openapi").join(name);
    let output = python.arg(script).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_public_validator_finds_no_fault() {
    for document in documents() {
        assert_eq!(output_of("validate.py", &document), "valid\n");
    }
}

#[test]
fn every_example_matches_its_schema() {
    for document in documents() {
        let words = output_of("examples.py", &document);
        let count: usize = words.trim().parse().unwrap_or_else(|_| panic!("{words}"));
        assert!(count > 100, "{count} examples were checked");
    }
}

#[test]
fn the_command_prints_the_document_and_creates_no_file() {
    let jeton = Jeton::new().env("DATABASE_URL", "sqlite://jeton.db");
    let output = jeton.run(&["openapi"]);
    assert_eq!((output.status, output.stderr.as_str()), (0, ""));
    assert_eq!(serde_json::from_str::<Value>(&output.stdout).unwrap(), jeton::http::document());
    assert_eq!(fs::read_dir(&jeton.dir).unwrap().count(), 0);
}

#[test]
fn the_served_document_is_the_same() {
    let app = App::start(Kind::Sqlite);
    for path in ["/openapi.json", "/openapi.json/"] {
        let answer = app.send(Request::new("GET", path));
        assert_eq!((answer.status, answer.header("Content-Type").as_deref()), (200, Some("application/json")));
        assert_eq!(answer.json(), jeton::http::document());
    }
    let document = jeton::http::document();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn every_operation_has_its_own_name_and_every_204_no_content() {
    let document = jeton::http::document();
    let mut names = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            names.push(operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path}")));
            for (status, response) in operation["responses"].as_object().unwrap() {
                let headers = response["headers"].as_object().unwrap();
                assert!(headers.contains_key("X-Request-Id"), "{method} {path}: {status}");
                assert!(status != "204" || response.get("content").is_none(), "{method} {path}");
                assert_eq!(status == "401", headers.contains_key("WWW-Authenticate"), "{method} {path}: {status}");
            }
        }
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

on_both! {
    fn required_fields_in_the_document_are_required_by_the_server(db) {
        let app = App::start(db);
        let key = app.admin_token();
        let mut requests = 0;
        for (path, item) in jeton::http::document()["paths"].as_object().unwrap() {
            let fields = &item["post"]["requestBody"]["content"]["application/json"]["schema"];
            // An OAuth endpoint reports only the first fault, in a sentence.
            if fields.is_null() || item["post"]["tags"] == json!(["OAuth"]) {
                continue;
            }
            let answer = app.post(&path.replace("{username}", "admin"), &key, &json!({}));
            if fields["required"].is_null() {
                assert_eq!(answer.status, 200, "{path}: {}", answer.text());
                continue;
            }
            assert_eq!(answer.status, 400, "{path}: {}", answer.text());
            let missed: Vec<Value> = answer.json().as_object().unwrap().keys().map(|name| json!(name)).collect();
            let mut required = fields["required"].as_array().unwrap().clone();
            // Required unless `no_password` is sent, which the document says in words.
            if fields["properties"].get("no_password").is_some() {
                required.push(json!("password"));
            }
            assert_eq!(required, missed, "{path}");
            requests += 1;
        }
        assert!(requests >= 6, "{requests}");
    }
}
