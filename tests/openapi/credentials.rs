//! The document marks the operations that need credentials.

use crate::support::app::{App, CLIENT, Kind};
use crate::support::http::{Answer, Request};

fn send(app: &App, method: &str, path: &str) -> Answer {
    let path = path.replace("{username}", "admin").replace("{id}", "1").replace("{client_id}", CLIENT.0);
    app.send(Request::new(method, &path))
}

#[test]
fn operations_that_answer_401_without_credentials_are_documented_as_secured() {
    let app = App::start(Kind::Sqlite);
    for (path, item) in jeton::http::document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let open = operation["security"].as_array().unwrap().is_empty();
            let alone = path == "/revoke"; // the token to revoke is the credential
            let status = send(&app, &method.to_uppercase(), path).status;
            assert_eq!(status == 401, !open && !alone, "{method} {path}: {status}");
        }
    }
}
