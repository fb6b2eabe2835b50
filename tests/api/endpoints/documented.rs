//! Checks every endpoint of the list in the OpenAPI document and in docs/api.md.

use std::collections::BTreeSet;
use std::fs;

use jeton::http::{Access, Endpoint, document, endpoints};
use serde_json::Value;

use crate::support::python::root;

/// Whether a schema has an example, or each of its fields has one. Booleans, `null` and enumerations need none.
fn has_examples(document: &Value, schema: &Value) -> bool {
    let all_have_examples =
        |schemas: &Value| schemas.as_array().unwrap().iter().all(|schema| has_examples(document, schema));
    let has = |name: &str| schema.get(name).is_some();
    if has("example") || has("examples") || has("enum") {
        return true;
    }
    if let Some(name) = schema["$ref"].as_str() {
        return has_examples(document, document.pointer(&name[1..]).unwrap_or_else(|| panic!("{name}")));
    }
    if let Some(several) = ["allOf", "anyOf", "oneOf"].into_iter().find(|several| has(several)) {
        return all_have_examples(&schema[several]);
    }
    if let Some(fields) = schema["properties"].as_object() {
        return fields.values().all(|field| has_examples(document, field));
    }
    if has("items") {
        return has_examples(document, &schema["items"]);
    }
    // utoipa writes no example for a value without a type.
    if !has("type") {
        return true;
    }
    let kinds = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
    kinds.iter().all(|kind| ["boolean", "null"].iter().any(|known| kind == known))
}

#[test]
fn each_endpoint_is_in_the_document_with_examples_of_its_request_and_answers() {
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
                let has_examples = body.get("example").is_some() || has_examples(&document, &body["schema"]);
                assert!(has_examples || id == "openapi", "{method} {path} answers {status}");
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

/// The rows of the page's table: method, path, and who may call.
fn page() -> BTreeSet<(String, String, String)> {
    let text = fs::read_to_string(root().join("docs/api.md")).unwrap();
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
fn the_page_of_the_api_lists_each_endpoint_with_who_may_call_it() {
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
    listed.insert(("any".to_owned(), "/account/".to_owned(), "a user, in a browser".to_owned()));
    let differences: Vec<_> = listed.symmetric_difference(&page()).cloned().collect();
    assert!(differences.is_empty(), "docs/api.md and the list differ: {differences:#?}");
}
