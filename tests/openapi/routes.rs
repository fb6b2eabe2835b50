//! The document and the route table are the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::support::app::{App, CLIENT, Kind};
use crate::support::http::{Answer, Request};
use crate::support::python::root;

type Routes = BTreeMap<String, BTreeSet<String>>;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// What OpenAPI has no word for, the rest of a path whatever its length, and the files of `/docs/`.
const TAILS: [&str; 3] =
    ["/.well-known/oauth-authorization-server/{path:.*}", "/auth/verify/{below:.*}", "/docs/{file}"];

/// The paths of the route table, as they stand in the source.
fn table() -> BTreeSet<String> {
    let source = fs::read_to_string(root().join("src/http/mod.rs")).unwrap();
    let quoted = source.split('"').skip(1).step_by(2);
    let paths: BTreeSet<String> = quoted.filter(|text| text.starts_with('/')).map(ToOwned::to_owned).collect();
    assert!(TAILS.iter().all(|tail| paths.contains(*tail)), "{paths:?}");
    paths.into_iter().filter(|path| !TAILS.contains(&path.as_str())).collect()
}

fn ask(app: &App, method: &str, path: &str) -> Answer {
    let path = path.replace("{username}", "admin").replace("{id}", "1").replace("{client_id}", CLIENT.0);
    app.send(Request::new(method, &path))
}

fn answered(app: &App) -> Routes {
    let methods = |path: &str| {
        let answers = METHODS.iter().map(|method| (*method, ask(app, method, path)));
        let answered = answers.filter(|(_, answer)| ![404, 405].contains(&answer.status));
        answered.map(|(method, _)| method.to_owned()).collect()
    };
    table().into_iter().map(|path| (path.clone(), methods(&path))).collect()
}

fn described() -> Routes {
    let mut routes = Routes::new();
    for (path, item) in jeton::http::document()["paths"].as_object().unwrap() {
        let path = path.strip_suffix('/').unwrap_or(path).to_owned();
        let methods = item.as_object().unwrap().keys().map(|method| method.to_uppercase());
        routes.insert(path, methods.filter(|method| METHODS.contains(&method.as_str())).collect());
    }
    routes
}

#[test]
fn every_route_has_its_operation_and_every_operation_its_route() {
    let app = App::start(Kind::Sqlite);
    assert_eq!(answered(&app), described());
}

#[test]
fn the_allow_header_says_the_same() {
    let app = App::start(Kind::Sqlite);
    for (path, methods) in described() {
        if path == "/auth/verify" {
            continue; // any method
        }
        let allow = ask(&app, "GET", &path).header("Allow").unwrap_or_else(|| panic!("{path}"));
        let mut allowed: BTreeSet<String> = allow.split(", ").map(ToOwned::to_owned).collect();
        allowed.remove("OPTIONS");
        assert_eq!(allowed.remove("HEAD"), methods.contains("GET"), "{path}: {allow}");
        assert_eq!(allowed, methods, "{path}");
    }
}

#[test]
fn whoever_is_asked_for_credentials_is_told_so() {
    let app = App::start(Kind::Sqlite);
    for (path, item) in jeton::http::document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let open = operation["security"].as_array().unwrap().is_empty();
            let alone = path == "/revoke"; // a token revokes itself
            let status = ask(&app, &method.to_uppercase(), path).status;
            assert_eq!(status == 401, !open && !alone, "{method} {path}: {status}");
        }
    }
}
