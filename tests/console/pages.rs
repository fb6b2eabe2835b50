//! The common parts of all pages: headers, files, errors.

use super::{ALICE, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App, Kind};
use crate::support::console::Visit;
use crate::support::http::{Answer, Request};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

#[track_caller]
fn assert_guarded(answer: &Answer, what: &str) {
    for (name, value) in [
        ("Content-Security-Policy", POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
    ] {
        assert_eq!(answer.headers_named(name), [value], "{what}: {name}");
    }
    assert_eq!(answer.headers_named("X-Request-Id").len(), 1, "{what}");
    let text = answer.text();
    for inline in ["<style", " style=", " onclick=", "javascript:", "<script>", "http://", "https://"] {
        assert!(!text.contains(inline), "{what} has {inline}");
    }
}

on_both! {
    fn every_page_is_guarded_and_works_with_and_without_its_last_slash(db) {
        let app = with_people(App::start(db));
        app.create_user("bob", ALICE.1, &serde_json::json!({"groups": ["billing"]}));
        let mut visit = Visit::by(&app, ADMIN);
        for path in [
            "/console", "/console/users", "/console/users/new", "/console/users/@alice", "/console/users/@alice/delete",
            "/console/users/@alice/activity", "/console/users/@alice/account", "/console/groups", "/console/groups/@billing",
            "/console/groups/@billing/delete",
            "/console/clients", "/console/clients/new", "/console/clients/@demo/delete", "/console/audit",
        ] {
            for path in [path.to_owned(), format!("{path}/")] {
                let answer = visit.get(&path);
                assert_eq!(answer.status, 200, "{path}");
                assert_eq!(answer.header("Content-Type").as_deref(), Some("text/html; charset=utf-8"), "{path}");
                assert_guarded(&answer, &path);
                let head = visit.send(Request::new("HEAD", &path));
                assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
                let stranger = Visit::new(&app).get(&path);
                assert_eq!(stranger.status, 303, "{path}");
                assert_guarded(&stranger, &path);
            }
        }
        let answer = Visit::new(&app).get("/console/sign-in");
        assert_guarded(&answer, "sign-in");
    }

    fn errors_are_pages_too(db) {
        let app = App::start(db);
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/");
        for (method, path, status, words) in [
            ("GET", "/console/nothing", 404, "<h1>Not Found</h1>"),
            ("GET", "/console/users/@nobody", 404, "This page does not exist, or what it showed was deleted."),
            ("GET", "/console/users/@nobody/delete", 404, "<h1>Not Found</h1>"),
            ("GET", "/console/users?page=0", 404, "This list has no such page."),
            ("GET", "/console/users?page=2", 404, "This list has no such page."),
            ("GET", "/console/assets/console.css", 404, "<h1>Not Found</h1>"),
            ("PUT", "/console/users", 405, "This page does not support PUT."),
            ("POST", "/console/", 405, "<h1>Method Not Allowed</h1>"),
            ("GET", "/console/sign-out", 405, "<h1>Method Not Allowed</h1>"),
            ("DELETE", "/console/users/@admin", 405, "<h1>Method Not Allowed</h1>"),
        ] {
            let answer = visit.send(Request::new(method, path));
            assert_eq!(answer.status, status, "{method} {path}");
            assert!(answer.text().contains(words), "{method} {path}: {answer:?}");
            assert_guarded(&answer, path);
            let navigation = [">Users</a>", ">Audit</a>", ">Sign out</button>"];
            assert!(navigation.iter().all(|word| answer.text().contains(word)), "{method} {path}: {answer:?}");
            assert!(!Visit::new(&app).send(Request::new(method, path)).text().contains(">Users</a>"), "for a stranger");
            assert!(status != 405 || answer.header("Allow").is_some(), "{method} {path}");
        }
        for path in ["/console/users/@nobody/active", "/console/users/@nobody/regenerate", "/console/clients/@no/rotate"] {
            assert_eq!(visit.post(path, &[("is_active", "true")]).status, 404, "{path}");
        }
        assert_eq!(visit.post("/console/users/@admin/active", &[]).status, 400);
        assert_eq!(visit.post("/console/users/@admin/regenerate", &[("grace", "soon")]).status, 400);
        assert_eq!(visit.post("/console/users/@admin/tokens/999999/revoke", &[]).status, 404);
        assert_eq!(visit.post("/console/users/@admin/tokens/x/revoke", &[]).status, 404);
    }
}

#[test]
fn files_are_cached_for_ever_and_need_no_session() {
    let app = App::start(Kind::Sqlite);
    let page = Visit::new(&app).page("/console/sign-in");
    let names: Vec<&str> = page.split('"').filter(|word| word.starts_with("/console/assets/")).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    for (name, kind) in
        [(".css", "text/css; charset=utf-8"), (".js", "text/javascript; charset=utf-8"), (".svg", "image/svg+xml")]
    {
        let path = names.iter().find(|path| path.ends_with(name)).unwrap();
        let answer = app.send(Request::new("GET", path));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("Content-Type").as_deref(), Some(kind));
        assert_eq!(answer.headers_named("Cache-Control"), ["public, max-age=31536000, immutable"]);
        assert!(!answer.text().contains("http://") || name == ".svg", "{name} loads nothing from other hosts");
        let (stem, rest) = path.split_once('.').unwrap();
        let other = app.send(Request::new("GET", &format!("{stem}.{}{name}", "0".repeat(16))));
        assert_eq!(
            (other.status, other.headers_named("Cache-Control")),
            (200, vec!["no-store".into()]),
            "another version's"
        );
        for none in [format!("{stem}{name}"), format!("{stem}.x{rest}"), format!("{stem}.{}{name}", "g".repeat(16))] {
            assert_eq!(app.send(Request::new("GET", &none)).status, 404, "{none}");
        }
    }
}
