//! A form is accepted only from a page of the same session.

use std::time::Duration;

use super::{ALICE, STAFF, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::console::Visit;
use crate::support::http::Request;

/// Every form behind the sign-in, each valid except for its token.
const FORMS: [(&str, &[(&str, &str)]); 13] = [
    ("/console/sign-out", &[]),
    ("/console/users/new", &[("username", "new")]),
    ("/console/users/@alice", &[("username", "alicia")]),
    ("/console/users/@alice/active", &[("is_active", "false")]),
    ("/console/users/@alice/password", &[("password", "another lantern in a fog")]),
    ("/console/users/@alice/password-link", &[("expires_in", "1h")]),
    ("/console/users/@alice/delete", &[]),
    ("/console/users/@alice/regenerate", &[]),
    ("/console/users/@alice/tokens", &[("name", "n")]),
    ("/console/users/@alice/tokens/1/revoke", &[]),
    ("/console/clients/new", &[("client_id", "c")]),
    ("/console/clients/@demo/rotate", &[]),
    ("/console/clients/@demo/delete", &[]),
];

/// Everything that a form could change.
fn state(app: &App) -> String {
    let tables = ["users", "tokens", "clients", "sessions", "password_links"];
    let counts = tables.map(|table| app.database.sql(&format!("select count(*) from {table}")));
    let alice = app.database.sql("select username, is_active, password from users where username like 'ali%'");
    let audit = app.database.sql("select count(*) from audit_log where action <> 'login'");
    format!("{counts:?} {alice} {audit}")
}

on_both! {
    fn a_form_without_the_sessions_token_changes_nothing(db) {
        let app = with_people(App::start(db));
        app.login(ALICE.0, ALICE.1);
        let mut visit = Visit::by(&app, ADMIN);
        let mut other = Visit::by(&app, STAFF);
        other.page("/console/users");
        visit.page("/console/users");
        let (own, before) = (visit.form_token.clone(), state(&app));
        let cut = own[1..].to_owned();
        for (path, fields) in FORMS {
            for token in ["", "0", other.form_token.as_str(), &own.to_uppercase(), &cut] {
                let mut pairs = vec![("form_token", token)];
                pairs.extend(fields);
                let answer = visit.send(Request::new("POST", path).form(&pairs));
                assert_eq!(answer.status, 403, "{path}: {answer:?}");
                assert!(answer.text().contains("This form is no longer valid."), "{path}");
            }
            assert_eq!(visit.send(Request::new("POST", path).form(fields)).status, 403, "{path}: without a token");
        }
        assert_eq!(state(&app), before);
    }

    fn a_form_that_another_site_sends_changes_nothing(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users");
        let (token, before) = (visit.form_token.clone(), state(&app));
        for (path, fields) in FORMS {
            for site in ["cross-site", "same-site", "none"] {
                let mut pairs = vec![("form_token", token.as_str())];
                pairs.extend(fields);
                let answer = visit.send(Request::new("POST", path).header("Sec-Fetch-Site", site).form(&pairs));
                assert_eq!(answer.status, 403, "{path} {site}");
            }
        }
        assert_eq!(state(&app), before);
    }

    fn a_form_without_a_session_leads_to_the_sign_in(db) {
        let app = with_people(App::start(db));
        let before = state(&app);
        for (path, fields) in FORMS {
            let answer = Visit::new(&app).post(path, fields);
            let (is_done, sign_in) = (path == "/console/sign-out", answer.header("Location"));
            let expected = if is_done { "/console/sign-in" } else { "/console/sign-in?ended=form" };
            assert_eq!((answer.status, sign_in.as_deref()), (303, Some(expected)), "{path}");
        }
        assert_eq!(state(&app), before);
    }

    fn after_a_form_whose_session_had_ended_the_sign_in_says_so_and_leads_back(db) {
        let app = with_people(App::start(db));
        let page = "/console/users/@alice/account";
        let origin = format!("http://{}", app.addr);
        for (referer, next) in [(format!("{origin}{page}?a=b"), "/console/users/@alice/account?a=b"), (format!("{origin}/me"), "/console/"), (String::new(), "/console/")] {
            let mut visit = Visit::by(&app, ADMIN);
            visit.page(page);
            app.clock.advance(Duration::from_hours(13));
            let mut visit = visit.with("Referer", &referer);
            let answer = visit.post("/console/users/@alice", &[("email", "new@example.com")]);
            let sign_in = answer.header("Location").unwrap();
            let text = visit.page(&sign_in);
            assert!(text.contains("Your session had ended, so what you sent was not done."), "{text}");
            assert!(text.contains(&format!("name=\"next\" value=\"{next}\"")), "{text}");
        }
        let answer = Visit::new(&app).post("/account/profile", &[]);
        let text = Visit::new(&app).page(&answer.header("Location").unwrap());
        assert!(text.contains("Your session had ended, so what you sent was not done."), "{text}");
    }

    fn bodies_of_other_types_are_refused(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users");
        let json = format!("{{\"form_token\": \"{}\", \"username\": \"new\"}}", visit.form_token);
        let answer = visit.send(Request::new("POST", "/console/users/new").body("application/json", json));
        assert_eq!(answer.status, 415, "{answer:?}");
        let plain = format!("form_token={}&username=new", visit.form_token);
        let answer = visit.send(Request::new("POST", "/console/users/new").body("text/plain", plain));
        assert_eq!(answer.status, 415, "{answer:?}");
        let large = visit.post("/console/users/new", &[("username", &"x".repeat(70_000))]);
        assert_eq!(large.status, 413);
        assert!(large.text().contains("<h1>Payload Too Large</h1>"), "{large:?}");
        for field in ["username", "password", "groups"] {
            let answer = visit.post("/console/users/new", &[("username", "new"), (field, "a\0b")]);
            assert_eq!(answer.status, 400, "{field}: {answer:?}");
            assert_eq!(Visit::new(&app).sign_in("a\0b", "x").status, 400);
        }
        for path in ["/console/users/@a%00b", "/console/users?search=%00", "/console/audit?actor=%00&action=%00&target=%00"] {
            assert!([200, 404].contains(&visit.get(path).status), "{path}");
        }
        let nothing = visit.send(Request::new("POST", "/console/users/new").raw_body(""));
        assert_eq!(nothing.status, 403);
    }
}
