//! The patterns of the OpenAPI document, by a real engine of ECMA-262: they allow what the server accepts.

use serde_json::{Value, json};

use super::PASSWORD;
use crate::on_both;
use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::http::Request;

on_both! {
    fn the_pattern_of_a_username_allows_what_the_server_accepts(db) {
        let app = App::start(db);
        let document = app.send(Request::new("GET", "/openapi.json")).json();
        let body = &document["paths"]["/admin/users/"]["post"]["requestBody"]["content"]["application/json"];
        let pattern = body["schema"]["properties"]["username"]["pattern"].as_str().unwrap();
        let browser = Browser::on(&app);
        browser.open("/docs/");
        for name in ["alice", "a.b+c@d-e_f", "ünïcödé", "用户", "x1²", "a b", "a/b", "a\\b", "a😀", "\u{301}"] {
            let script = format!("return new RegExp({}, 'u').test({})", json!(pattern), json!(name));
            let answer = app.post("/admin/users/", &app.admin_token(), &json!({"username": name, "password": PASSWORD}));
            assert!([201, 400].contains(&answer.status), "{name}: {answer:?}");
            assert_eq!(browser.run(&script), Value::Bool(answer.status == 201), "{name} {pattern}");
        }
    }
}
