//! No route accepts a compressed body.

use serde_json::json;

use crate::on_both;
use crate::support::app::{App, CLIENT};
use crate::support::http::Request;

/// A gzip file with no content. jeton refuses the body before it reads it.
const GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0";

on_both! {
    fn a_gzip_encoded_body_is_415_on_every_route(db) {
        let app = App::start(db);
        let key = app.admin_token();
        let post = |path: &str| Request::new("POST", path).body("application/json", GZIP);
        for request in [
            post("/api-token-auth/"),
            post("/introspect").basic(CLIENT.0, CLIENT.1),
            post("/introspect/batch").basic(CLIENT.0, CLIENT.1),
            post("/revoke").basic(CLIENT.0, CLIENT.1),
            post("/tokens/").token(&key),
            post("/admin/users/").token(&key),
            post("/admin/explain").token(&key),
            post("/admin/clients/").token(&key),
            post("/logout/").token(&key),
        ] {
            let answer = app.send(request.header("Content-Encoding", "gzip"));
            let detail = json!({"detail": "Unsupported content encoding \"gzip\" in request."});
            assert_eq!((answer.status, answer.json()), (415, detail), "{answer:?}");
        }
        assert_eq!(app.get("/me", &key).status, 200, "the refused logout has not revoked the token");
    }

    fn other_content_codings_are_refused_except_identity(db) {
        let app = App::start(db);
        let key = app.alice();
        let coded = |codings: &[&str]| {
            let request = Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1).form(&[("token", &key)]);
            app.send(codings.iter().fold(request, |request, coding| request.header("Content-Encoding", coding))).status
        };
        assert_eq!([&["br"][..], &["GZIP"], &["identity, gzip"], &["identity", "deflate"], &["\u{fc}"]].map(coded), [415; 5]);
        assert_eq!([&["identity"][..], &["Identity", ""], &[""]].map(coded), [200; 3]);
        let empty = Request::new("POST", "/logout/").token(&key).header("Content-Encoding", "gzip");
        assert_eq!(app.send(empty).status, 204, "an empty body is not compressed");
    }
}
