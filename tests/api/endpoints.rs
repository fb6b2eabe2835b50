//! Checks every endpoint of the list: over HTTP, in the OpenAPI document, in README and in the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use jeton::http::{Access, Endpoint, document, endpoints};
use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{ADMIN, App, CLIENT, Kind};
use crate::support::calls::{ALICE, SAM};
use crate::support::http::Request;
use crate::support::python::root;

/// Who calls.
#[derive(Clone, Copy, Debug)]
enum Who {
    Nobody,
    Client,
    /// With a superuser's named token, without the scope `jeton:admin`.
    Named,
    User,
    Staff,
    Superuser,
}

const EVERYBODY: [Who; 6] = [Who::Nobody, Who::Client, Who::Named, Who::User, Who::Staff, Who::Superuser];

/// The status with which an endpoint should refuse this caller, if it should.
fn refusal(access: Access, who: Who) -> Option<u16> {
    let may_call = match access {
        Access::Anyone | Access::Revoker => true,
        Access::Introspector => matches!(who, Who::Client | Who::Staff | Who::Superuser),
        Access::TokenHolder | Access::Gateway => !matches!(who, Who::Nobody | Who::Client),
        Access::LoginHolder => matches!(who, Who::User | Who::Staff | Who::Superuser),
        Access::Staff => matches!(who, Who::Staff | Who::Superuser),
        Access::Superuser => matches!(who, Who::Superuser),
    };
    let status = if matches!(who, Who::Nobody | Who::Client) { 401 } else { 403 };
    (!may_call).then_some(status)
}

/// A path of the endpoint, with names and ids that do not exist.
fn path_of(endpoint: &Endpoint) -> String {
    let mut parts = endpoint.path().split(['{', '}']);
    let mut path = parts.next().unwrap().to_owned();
    while parts.next().is_some() {
        path = path + "0" + parts.next().unwrap();
    }
    path
}

fn methods() -> BTreeMap<String, Vec<Endpoint>> {
    let mut paths = BTreeMap::<_, Vec<_>>::new();
    for endpoint in endpoints() {
        paths.entry(path_of(&endpoint)).or_default().push(endpoint);
    }
    paths
}

on_both! {
    fn each_endpoint_refuses_exactly_the_callers_that_it_declares(db) {
        let app = App::with(db, &[("JETON_TOKEN_MODE", "multiple")]);
        app.create_user(ALICE.0, ALICE.1, &json!({}));
        app.create_user(SAM.0, SAM.1, &json!({"is_staff": true}));
        let mut refused = 0;
        for endpoint in endpoints() {
            for who in EVERYBODY {
                let request = Request::new(endpoint.method().as_str(), &path_of(&endpoint));
                // Some endpoints revoke the token of the request.
                let request = match who {
                    Who::Nobody => request,
                    Who::Client => request.basic(CLIENT.0, CLIENT.1),
                    Who::Named => {
                        let made = app.post("/admin/users/admin/tokens/", &app.admin_token(), &json!({"name": "n"}));
                        request.token(made.json()["token"].as_str().unwrap())
                    }
                    Who::User => request.token(&app.login(ALICE.0, ALICE.1)),
                    Who::Staff => request.token(&app.login(SAM.0, SAM.1)),
                    Who::Superuser => request.token(&app.login(ADMIN.0, ADMIN.1)),
                };
                let answer = app.send(request);
                let about = format!("{} {} by {who:?}", endpoint.method(), endpoint.path());
                match refusal(endpoint.access(), who) {
                    Some(status) => assert_eq!(answer.status, status, "{about}: {}", answer.text()),
                    None => assert!(![401, 403].contains(&answer.status), "{about}: {}", answer.text()),
                }
                assert_eq!(answer.status == 401, answer.header("WWW-Authenticate").is_some(), "{about}");
                refused += usize::from(refusal(endpoint.access(), who).is_some());
            }
        }
        assert!(refused > 80, "{refused}");
    }
}

#[test]
fn what_is_below_admin_is_for_staff_at_least_and_superusers_alone_have_clients() {
    for endpoint in endpoints() {
        let path = endpoint.path();
        let is_admin = matches!(endpoint.access(), Access::Staff | Access::Superuser);
        assert_eq!(is_admin, path.starts_with("/admin/"), "{path}");
        assert_eq!(endpoint.access() == Access::Superuser, path.starts_with("/admin/clients/"), "{path}");
    }
}

#[test]
fn a_path_says_which_methods_it_has_whatever_is_asked() {
    let app = App::start(Kind::Sqlite);
    for (path, endpoints) in methods() {
        if endpoints[0].access() == Access::Gateway {
            continue; // any method
        }
        let mut allowed: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.method().as_str()).collect();
        let is_page = allowed == ["GET"] && endpoints[0].access() == Access::Anyone;
        allowed.extend(allowed.contains(&"GET").then_some("HEAD"));
        allowed.extend((!is_page).then_some("OPTIONS"));
        let path = path.trim_end_matches('/');
        for path in [path.to_owned(), format!("{path}/")] {
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
                let answer = app.send(Request::new(method, &path));
                let is_allowed = allowed.contains(&method) || method == "OPTIONS";
                assert_eq!(answer.status == 405, !is_allowed, "{method} {path}: {}", answer.status);
                // A 404 has no `Allow`.
                if answer.status != 404 {
                    assert_eq!(answer.header("Allow"), Some(allowed.join(", ")), "{method} {path}");
                }
                if method == "HEAD" {
                    assert_eq!(answer.body, b"", "{path}");
                } else if answer.status == 405 {
                    let sentence = format!("Method \"{method}\" not allowed.");
                    assert_eq!(answer.json(), json!({"detail": sentence}), "{path}");
                }
            }
        }
    }
}

/// Whether this part of the document has an example, directly or in its schemas.
fn is_shown(document: &Value, part: &Value) -> bool {
    match part {
        Value::Object(members) => members.iter().any(|(name, member)| match name.as_str() {
            "example" | "examples" => true,
            "$ref" => {
                let name = member.as_str().unwrap().strip_prefix("#").unwrap();
                is_shown(document, document.pointer(name).unwrap_or_else(|| panic!("{name}")))
            }
            _ => is_shown(document, member),
        }),
        Value::Array(members) => members.iter().any(|member| is_shown(document, member)),
        _ => false,
    }
}

#[test]
fn each_is_in_the_document_with_examples_of_what_it_takes_and_answers() {
    let document = document();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            described.insert((method.to_uppercase(), path.clone(), id.to_owned()));
            let content = |part: &Value| part["content"].as_object().cloned().unwrap_or_default();
            for (media_type, body) in content(&operation["requestBody"]) {
                assert!(body.get("example").is_some(), "{method} {path} takes {media_type}");
            }
            for (status, answer) in operation["responses"].as_object().unwrap() {
                let Some(body) = content(answer).remove("application/json") else { continue };
                // The document itself is its own example.
                assert!(is_shown(&document, &body) || id == "openapi", "{method} {path} answers {status}");
            }
        }
    }
    let mut listed: BTreeSet<_> = endpoints()
        .into_iter()
        .map(|endpoint| (endpoint.method().to_string(), endpoint.path().to_owned(), endpoint.id().to_owned()))
        .collect();
    let tails: Vec<_> = listed.difference(&described).cloned().collect();
    assert_eq!(tails.iter().map(|(.., id)| id.as_str()).collect::<Vec<_>>(), ["metadata_of_path", "docs_file"]);
    listed.retain(|endpoint| !tails.contains(endpoint));
    assert_eq!(described, listed);
}

/// The rows of README's table: method, path, and who may call.
fn readme() -> BTreeSet<(String, String, String)> {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let table = text.split("| route | who may call it | what it does |\n|---|---|---|\n").nth(1).unwrap();
    let mut rows = BTreeSet::new();
    for row in table.lines().take_while(|line| !line.is_empty()) {
        let cells: Vec<&str> = row.split(" | ").collect();
        for route in cells[0].split('`').skip(1).step_by(2) {
            let (methods, path) = route.rsplit_once(' ').unwrap_or(("any", route));
            rows.extend(methods.split(", ").map(|method| (method.to_owned(), path.to_owned(), cells[1].to_owned())));
        }
    }
    rows
}

#[test]
fn readme_says_of_each_who_may() {
    let document = document();
    let documented = |endpoint: &Endpoint| !document["paths"][endpoint.path()].is_null();
    let mut listed: BTreeSet<_> = endpoints()
        .into_iter()
        .filter(documented)
        .map(|endpoint| {
            let any = endpoint.access() == Access::Gateway;
            let method = if any { "any".to_owned() } else { endpoint.method().to_string() };
            (method, endpoint.path().to_owned(), endpoint.access().words().to_owned())
        })
        .collect();
    listed.insert(("any".to_owned(), "/console/".to_owned(), "staff, in a browser".to_owned()));
    let differences: Vec<_> = listed.symmetric_difference(&readme()).cloned().collect();
    assert!(differences.is_empty(), "README and the list differ: {differences:#?}");
}

/// The text of each test file except this one.
fn tests(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("api/endpoints.rs") {
            found.push(fs::read_to_string(&path).unwrap());
        }
    }
}

/// Whether a path in a test matches this pattern.
fn leads_to(named: &str, pattern: &str) -> bool {
    let named: Vec<&str> = named.split('?').next().unwrap().trim_end_matches('/').split('/').collect();
    let pattern: Vec<&str> = pattern.trim_end_matches('/').split('/').collect();
    let is_one = |(named, wanted): (&&str, &&str)| wanted.starts_with('{') && !named.is_empty() || named == wanted;
    named.len() == pattern.len() && named.iter().zip(&pattern).all(is_one)
}

#[test]
fn each_is_called_by_some_test() {
    let mut files = Vec::new();
    tests(&root().join("tests"), &mut files);
    for endpoint in endpoints() {
        let method = endpoint.method().as_str();
        let call = format!(".{}(", method.to_lowercase());
        let names = |file: &String| {
            let mut paths = file.split("\"/").skip(1).map(|rest| rest.split('"').next().unwrap());
            (file.contains(&format!("\"{method}\"")) || file.contains(&call))
                && paths.any(|path| leads_to(&format!("/{path}"), endpoint.path()))
        };
        assert!(files.iter().any(names), "{method} {}", endpoint.path());
    }
}
