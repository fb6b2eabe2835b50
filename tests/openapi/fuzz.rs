//! Every answer conforms to the document: schemathesis generates valid and invalid requests from it.

use std::fs;

use serde_json::json;

use crate::on_both;
use crate::support::app::{ADMIN, App, CLIENT};
use crate::support::calls::ALICE;
use crate::support::python::{Environment, root};

const SCHEMATHESIS: [&str; 1] = ["schemathesis==4.32.5"];

/// The checks that a drop-in for DRF can pass: like DRF, jeton accepts a number where the schema wants a string.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,ignored_auth";

/// The number of random requests per operation, beside examples and coverage. A time limit would end a slow run early.
const RANDOM_REQUESTS: &str = "5";

on_both! {
    fn every_answer_is_as_the_document_says(db) {
        let app = App::with(db, &[("JETON_TOKEN_MODE", "multiple")]);
        app.create_user(ALICE.0, ALICE.1, &json!({"groups": ["billing"]}));
        app.create_user("bob", ALICE.1, &json!({"is_staff": true}));
        app.post("/admin/clients/", &app.admin_token(), &json!({"client_id": "billing"}));
        let folder = tempfile::tempdir().unwrap();
        let mut fuzz = Environment::of(&SCHEMATHESIS).python();
        fuzz.args(["-c", "from schemathesis.cli import schemathesis; schemathesis()"]);
        fuzz.env("SCHEMATHESIS_HOOKS", root().join("tests/openapi/hooks.py"));
        fuzz.env("JETON_URL", format!("http://{}", app.addr)).env("JETON_CLIENT", format!("{}:{}", CLIENT.0, CLIENT.1));
        fuzz.env("JETON_ADMIN", json!({"username": ADMIN.0, "password": ADMIN.1}).to_string());
        fuzz.env("JETON_STATUSES", folder.path().join("statuses"));
        fuzz.args(["run", &format!("http://{}/openapi.json", app.addr), "--checks", CHECKS, "--no-color"]);
        fuzz.args(["--phases", "examples,coverage,fuzzing", "--seed", "1", "--workers", "1"]);
        fuzz.args(["--max-examples", RANDOM_REQUESTS]).current_dir(folder.path());
        let output = fuzz.output().unwrap();
        let words = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{words}{}", String::from_utf8_lossy(&output.stderr));
        // The requests were authenticated. If all were refused with 401, every answer would conform as well.
        let statuses = fs::read_to_string(folder.path().join("statuses")).unwrap();
        for status in ["200", "201", "204", "400", "401", "404", "415"] {
            assert!(statuses.lines().any(|line| line.ends_with(status)), "no {status}: {statuses}");
        }
        println!("{statuses}");
    }
}
