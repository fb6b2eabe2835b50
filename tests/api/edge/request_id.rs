//! `X-Request-Id` on every answer.

use crate::on_both;
use crate::support::app::App;
use crate::support::http::Request;

fn is_generated(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

on_both! {
    fn a_valid_request_id_is_returned_and_any_other_replaced(db) {
        let app = App::start(db);
        let (longest, too_long) = ("a".repeat(128), "a".repeat(129));
        for id in ["a", "0", "._-", "Req-1.2_3", &longest] {
            let answer = app.send(Request::new("GET", "/healthz").header("X-Request-Id", id));
            assert_eq!(answer.headers_named("X-Request-Id"), [id]);
        }
        for id in ["", "a b", "a/b", "a,b", "a\"b", "<a>", "é", "\u{1F}", "a\tb", &too_long] {
            let answer = app.send(Request::new("GET", "/nothing").header("X-Request-Id", id));
            let ids = answer.headers_named("X-Request-Id");
            assert!(answer.status == 400 || (ids.len() == 1 && is_generated(&ids[0])), "{id:?}: {answer:?}");
        }
    }

    fn every_answer_has_its_own_request_id(db) {
        let app = App::start(db);
        let big = || "x".repeat(64 * 1024 + 1);
        let mut seen = Vec::new();
        for (request, status) in [
            (Request::new("GET", "/healthz"), 200),
            (Request::new("HEAD", "/healthz"), 200),
            (Request::new("GET", "/nothing"), 404),
            (Request::new("POST", "/healthz"), 405),
            (Request::new("POST", "/introspect"), 401),
            (Request::new("GET", "/admin/users/"), 401),
            (Request::new("POST", "/introspect").raw_body(big()), 413),
            (Request::new("POST", "/api-token-auth/").body("application/json", big()), 413),
            (Request::new("POST", "/api-token-auth/").body("text/plain", "x"), 415),
        ] {
            let answer = app.send(request);
            let ids = answer.headers_named("X-Request-Id");
            assert_eq!((answer.status, ids.len()), (status, 1), "{answer:?}");
            assert!(is_generated(&ids[0]) && !seen.contains(&ids[0]), "{ids:?}");
            seen.extend(ids);
        }
    }
}
