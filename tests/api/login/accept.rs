//! `/api-token-auth/`: methods, `Accept`, indents, and which fault is reported first.

use serde_json::json;

use super::{BOTH_MISSING, PASSWORD, assert_answer, holding, post, post_json, with_alice};
use crate::on_both;
use crate::support::app::App;
use crate::support::http::Request;

const NOT_ACCEPTABLE: &str = r#"{"detail":"Could not satisfy the request Accept header."}"#;
const OPTIONS: &str = concat!(
    r#"{"name":"Obtain Auth Token","description":"","renders":["application/json"],"#,
    r#""parses":["application/x-www-form-urlencoded","multipart/form-data","application/json"],"#,
    r#""actions":{"POST":{"username":{"type":"string","required":true,"read_only":false,"label":"Username"},"#,
    r#""password":{"type":"string","required":true,"read_only":false,"label":"Password"},"#,
    r#""token":{"type":"string","required":false,"read_only":true,"label":"Token"}}}}"#
);

/// A request to `/api-token-auth/` with this method.
fn by(method: &str) -> Request {
    Request::new(method, "/api-token-auth/")
}

/// Compact JSON as Python's `json.dumps(.., indent=N)` writes it.
fn indented(compact: &str, indent: usize) -> String {
    let (mut text, mut depth, mut quoted, mut escaped) = (String::new(), 0, false, false);
    let line = |depth: usize| format!("\n{}", " ".repeat(depth * indent));
    for character in compact.chars() {
        let outside = !quoted;
        if character == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = character == '\\' && !escaped;
        match character {
            '{' | '[' if outside => {
                depth += 1;
                text.push(character);
                text += &line(depth);
            }
            '}' | ']' if outside => {
                depth -= 1;
                text += &line(depth);
                text.push(character);
            }
            ',' if outside => text += &format!(",{}", line(depth)),
            ':' if outside => text += ": ",
            _ => text.push(character),
        }
    }
    text
}

on_both! {
    fn other_methods_are_not_allowed(db) {
        let app = App::start(db);
        for method in ["GET", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "LOCK", "M-SEARCH", "FOO"] {
            let sentence = format!("{{\"detail\":\"Method \\\"{method}\\\" not allowed.\"}}");
            assert_answer(&app.send(by(method)), 405, &sentence, method);
            let with_body = by(method).body("text/plain", "{");
            assert_answer(&app.send(with_body), 405, &sentence, method);
        }
        for path in ["/api-token-auth/", "/api-token-auth"] {
            assert_answer(&app.send(Request::new("HEAD", path)), 405, "", "HEAD");
        }
    }

    fn options_describe_the_route(db) {
        let app = App::start(db);
        assert_answer(&app.send(by("OPTIONS")), 200, OPTIONS, "OPTIONS");
        assert_answer(&app.send(by("OPTIONS").body("text/plain", "x")), 200, OPTIONS, "with a body");
        let wide = app.send(by("OPTIONS").header("Accept", "application/json; indent=2"));
        assert_answer(&wide, 200, &indented(OPTIONS, 2), "indented");
    }

    fn an_indent_is_limited_and_applies_to_every_answer(db) {
        let app = with_alice(db, &[]);
        let key = holding(&app.login("alice", PASSWORD));
        let good = json!({"username": "alice", "password": PASSWORD}).to_string();
        for (range, indent) in [
            ("application/json; indent=4", 4),
            ("application/json;indent=1", 1),
            ("APPLICATION/JSON;INDENT=\"3\"", 3),
            ("*/*; indent=2", 2),
            ("application/*;indent=2, text/html", 2),
            ("*/*;indent=2, application/json;indent=4", 4),
            ("application/json, */*;indent=8", 0),
            ("application/json; indent=8", 8),
            ("application/json; indent=9", 8),
            ("application/json; indent=99999999999999999999999", 8),
            ("application/json; indent=0_3", 3),
            ("application/json; indent=0", 0),
            ("application/json; indent=-1", 0),
            ("application/json; indent=x", 0),
            ("application/json; indent=4.0", 0),
            ("application/json; indent=", 0),
            ("application/json; indent", 0),
        ] {
            let wide = |compact: &str| if indent == 0 { compact.to_owned() } else { indented(compact, indent) };
            for (request, status, body) in [
                (post_json(good.clone()), 200, key.as_str()),
                (post_json("{}"), 400, BOTH_MISSING),
                (post("text/plain", "x"), 415, r#"{"detail":"Unsupported media type \"text/plain\" in request."}"#),
                (post_json(" ".repeat(65 * 1024)), 413, r#"{"detail":"The request body is too large."}"#),
                (by("GET"), 405, r#"{"detail":"Method \"GET\" not allowed."}"#),
                (by("OPTIONS"), 200, OPTIONS),
            ] {
                assert_answer(&app.send(request.header("Accept", range)), status, &wide(body), range);
            }
        }
    }

    fn a_client_that_does_not_accept_json_gets_406_before_405_and_415(db) {
        let app = with_alice(db, &[]);
        let good = json!({"username": "alice", "password": PASSWORD}).to_string();
        let refused: Vec<String> = ["application/xml", "text/html;indent=4", "text/*", "*", "", ",", "json", "*/xml"]
            .iter()
            .map(|range| (*range).to_owned())
            .chain([
                format!("{}application/json", "text/html,".repeat(64)),
                format!("application/json;x={}", "a".repeat(256)),
            ])
            .collect();
        for range in &refused {
            for request in [
                post_json(good.clone()),
                post_json("{"),
                post("text/plain", "x"),
                by("GET"),
                by("OPTIONS"),
                by("PROPFIND"),
            ] {
                assert_answer(&app.send(request.header("Accept", range)), 406, NOT_ACCEPTABLE, range);
            }
            assert_answer(&app.send(by("HEAD").header("Accept", range)), 406, "", range);
        }
        for range in ["*/*", "application/*", "application/json;q=0", "*/json", "text/html, */*;q=0.1", "image/png,*/*"] {
            assert_eq!(app.send(post_json(good.clone()).header("Accept", range)).status, 200, "{range}");
        }
        let two = post_json(good).header("Accept", "text/html").header("Accept", "application/json;indent=1");
        assert!(app.send(two).text().starts_with("{\n \"token\": \""), "two headers are one list");
    }
}

#[test]
fn the_tests_own_function_indents_as_python_does() {
    assert_eq!(indented(r#"{"a":["b:,","\"["],"c":1}"#, 1), "{\n \"a\": [\n  \"b:,\",\n  \"\\\"[\"\n ],\n \"c\": 1\n}");
}
