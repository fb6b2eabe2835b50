//! The common parts of all pages: headers, forms, errors, names.

use serde_json::json;

use super::{ALICE, NEW, STAFF, leads_to_sign_in, link, sessions, with_people};
use crate::on_both;
use crate::support::app::{App, Kind};
use crate::support::console::Visit;
use crate::support::http::{Answer, Request};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

#[track_caller]
fn assert_guarded(answer: &Answer, referrer: &str, what: &str) {
    for (name, value) in [
        ("Content-Security-Policy", POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", referrer),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
    ] {
        assert_eq!(answer.headers_named(name), [value], "{what}: {name}");
    }
    let text = answer.text();
    for inline in
        ["<style", " style=", " onclick=", "javascript:", "<script>", "http://", "https://", "/console/assets"]
    {
        assert!(!text.contains(inline), "{what} has {inline}");
    }
}

/// Every form, valid except for its token.
const FORMS: [(&str, &[(&str, &str)]); 5] = [
    ("/account/sign-out", &[]),
    ("/account/tokens", &[("name", "n"), ("password", ALICE.1)]),
    ("/account/tokens/1/revoke", &[]),
    ("/account/password", &[("old_password", ALICE.1), ("new_password", NEW), ("again", NEW)]),
    ("/account/profile", &[("first_name", "Al")]),
];

fn state(app: &App) -> String {
    let counts =
        ["tokens", "sessions", "password_links"].map(|table| app.sql(&format!("select count(*) from {table}")));
    let alice = app.sql("select first_name, password from users where username = 'alice'");
    format!("{counts:?} {alice} {}", app.sql("select count(*) from tokens where revoked_at is null"))
}

on_both! {
    fn every_page_is_guarded_and_works_with_and_without_its_last_slash(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::at_account(&app, ALICE);
        let link = link(&app, "alice");
        for path in ["/account", "/account/password", "/account/profile", &link] {
            let referrer = if path == link { "no-referrer" } else { "same-origin" };
            for path in [path.to_owned(), format!("{path}/")] {
                let answer = visit.get(&path);
                assert_eq!(answer.status, 200, "{path}");
                assert_guarded(&answer, referrer, &path);
                let head = visit.send(Request::new("HEAD", &path));
                assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
            }
        }
        assert_guarded(&Visit::new(&app).get("/account/sign-in"), "same-origin", "sign-in");
        let old = Visit::new(&app).get(&format!("/account/password/{}", "0".repeat(64)));
        assert_eq!(old.status, 404);
        assert_guarded(&old, "no-referrer", "an old link");
    }

    fn error_pages_are_in_the_frame_of_these_pages_and_keep_the_navigation(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::at_account(&app, ALICE);
        for (method, path, status) in [
            ("GET", "/account/nothing", 404), ("GET", "/account/?page=9", 404), ("PUT", "/account/", 405),
            ("POST", "/account/tokens/x/revoke", 403), ("GET", "/account/sign-out", 405),
        ] {
            let answer = visit.send(Request::new(method, path));
            assert_eq!(answer.status, status, "{method} {path}");
            let text = answer.text();
            assert!(text.contains("Back to your account") && text.contains(">Sign out</button>"), "{method} {path}: {text}");
            assert_guarded(&answer, "same-origin", path);
            let stranger = Visit::new(&app).send(Request::new(method, path)).text();
            assert!(!stranger.contains("Sign out"), "{method} {path}: {stranger}");
        }
        visit.page("/account/");
        assert_eq!(visit.post("/account/tokens/999999/revoke", &[]).status, 404);
        let json = visit.send(Request::new("POST", "/account/tokens").body("application/json", "{}"));
        assert_eq!(json.status, 415);
    }

    fn a_form_without_the_sessions_token_or_from_another_site_changes_nothing(db) {
        let app = with_people(App::start(db));
        app.login(ALICE.0, ALICE.1);
        let mut visit = Visit::at_account(&app, ALICE);
        let mut other = Visit::at_account(&app, STAFF);
        other.page("/account/");
        visit.page("/account/");
        let (own, before) = (visit.form_token.clone(), state(&app));
        for (path, fields) in FORMS {
            let send = |visit: &mut Visit, token: &str, site: Option<&str>| {
                let pairs: Vec<_> = [("form_token", token)].iter().chain(fields).copied().collect();
                let request = Request::new("POST", path).form(&pairs);
                visit.send(match site {
                    Some(site) => request.header("Sec-Fetch-Site", site),
                    None => request,
                })
            };
            for token in ["", "0", other.form_token.as_str(), &own.to_uppercase(), &own[1..]] {
                let answer = send(&mut visit, token, None);
                assert_eq!(answer.status, 403, "{path}: {answer:?}");
                assert!(answer.text().contains("This form is no longer valid."), "{path}");
            }
            for site in ["cross-site", "same-site", "none"] {
                assert_eq!(send(&mut visit, &own, Some(site)).status, 403, "{path} {site}");
            }
            assert!(leads_to_sign_in(&Visit::new(&app).post(path, fields)), "{path}");
        }
        assert_eq!(state(&app), before);
    }

    fn markup_in_fields_is_text(db) {
        const SCRIPT: &str = "<script>alert(1)</script>";
        let app = with_people(App::start(db));
        app.create_user("mal", ALICE.1, &json!({"first_name": SCRIPT, "last_name": "\" onfocus=\"alert(1)", "groups": [SCRIPT]}));
        let key = app.login("mal", ALICE.1);
        app.name_token(&key, &json!({"name": SCRIPT}));
        let mut visit = Visit::at_account(&app, ("mal", ALICE.1));
        let wrong = [("name", SCRIPT), ("scope", SCRIPT), ("expires_in", "\" onfocus=\"alert(1)"), ("password", "x")];
        let pages = [visit.page("/account/profile"), visit.page("/account/"), visit.post("/account/tokens", &wrong).text()];
        for page in pages {
            assert!(!page.contains("<script>alert") && !page.contains("\" onfocus=\"alert"), "{page}");
            assert!(page.contains("&#60;script&#62;"), "{page}");
        }
    }
}

#[test]
fn the_files_of_the_pages_are_below_account_because_a_proxy_may_keep_strangers_from_the_console() {
    let app = App::start(Kind::Sqlite);
    let page = Visit::new(&app).page("/account/sign-in");
    let names: Vec<&str> = page.split('"').filter(|word| word.contains("/assets/")).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    for path in names {
        assert!(path.starts_with("/account/assets/"), "{path}");
        let answer = app.send(Request::new("GET", path));
        assert_eq!(answer.headers_named("Cache-Control"), ["public, max-age=31536000, immutable"], "{path}");
    }
    assert_eq!(sessions(&app), "0");
}
