//! Signing in to the console and out of it.

use std::time::Duration;

use serde_json::json;

use super::{ALICE, STAFF, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App, CLIENT, Kind};
use crate::support::console::Visit;
use crate::support::eventually;
use crate::support::http::Request;

/// The message of Django's admin.
const WRONG: &str = "Please enter the correct username and password for a staff account. \
                     Note that both fields may be case-sensitive.";

#[track_caller]
fn assert_refused(app: &App, username: &str, password: &str) {
    let mut visit = Visit::new(app);
    let answer = visit.sign_in(username, password);
    assert_eq!(answer.status, 400, "{username}: {answer:?}");
    assert!(answer.text().contains(WRONG) && answer.text().contains("role=\"alert\""), "{username}: {answer:?}");
    assert!(!visit.is_signed_in());
}

/// The logins by the console in the audit log, the newest first: action, target and reason.
fn logins(app: &App) -> Vec<String> {
    let entries = app.list("/admin/audit/");
    let of_console = entries.iter().filter(|entry| entry["details"]["via"] == "console");
    of_console.map(|entry| format!("{} {} {}", entry["action"], entry["target"], entry["details"]["reason"])).collect()
}

on_both! {
    fn staff_sign_in_and_out(db) {
        let app = with_people(App::start(db));
        for who in [ADMIN, STAFF] {
            let mut visit = Visit::by(&app, who);
            assert!(visit.page("/console/").contains("Sign out"));
            let last_login = format!("select last_login is not null from users where username = '{}'", who.0);
            eventually("a last login", Duration::from_secs(10), || {
                ["t", "1"].contains(&app.sql(&last_login).as_str()).then_some(())
            });
            let cookies = visit.cookies.clone();
            let answer = visit.post("/console/sign-out", &[]);
            assert_eq!((answer.status, answer.header("Location").as_deref()), (303, Some("/console/sign-in")));
            assert!(!visit.cookies.iter().any(|(name, _)| name == "jeton_console"), "the cookie is forgotten");
            visit.cookies = cookies;
            assert!(!visit.is_signed_in(), "a stolen copy of the cookie is useless from then on");
        }
        assert_eq!(app.sql("select count(*) from sessions"), "0");
        assert_eq!(logins(&app), ["\"login\" \"stella\" null", "\"login\" \"admin\" null"]);
    }

    fn every_refused_sign_in_gets_the_same_message(db) {
        let app = with_people(App::start(db));
        app.create_user("ina", ALICE.1, &json!({"is_staff": true, "is_active": false}));
        for (username, password) in [
            ("nobody", "x"),
            (STAFF.0, "wrong"),
            ("STELLA", STAFF.1),
            (ALICE.0, ALICE.1), // not staff
            ("ina", ALICE.1),
            ("<script>", "\" onfocus=\""),
        ] {
            assert_refused(&app, username, password);
        }
        assert_eq!(logins(&app).len(), 6);
        assert_eq!(logins(&app)[0], "\"login.failed\" \"<script>\" \"unknown_user\"");
        assert_eq!(app.sql("select count(*) from sessions"), "0");
    }

    fn a_fault_is_shown_beside_its_missing_field(db) {
        let app = App::start(db);
        let answer = Visit::new(&app).sign_in(" ", "");
        assert_eq!(answer.status, 400);
        let text = answer.text();
        for field in ["username", "password"] {
            let note = format!("id=\"{field}-note\"><strong class=\"fault\">This field is required.</strong>");
            assert!(text.contains(&note) && text.contains(&format!("aria-describedby=\"{field}-note\"")), "{text}");
        }
        assert_eq!(logins(&app), Vec::<String>::new());
        let mut visit = Visit::new(&app);
        let again = visit.sign_in("somebody", "");
        assert!(again.text().contains("value=\"somebody\""), "the form still has the name");
    }

    fn a_name_or_password_with_a_null_character_is_not_an_attempt(db) {
        let app = App::start(db);
        for (username, password) in [("ad\0min", ADMIN.1), (ADMIN.0, "a\0b")] {
            let answer = Visit::new(&app).sign_in(username, password);
            assert_eq!(answer.status, 400, "{answer:?}");
            assert!(answer.text().contains("<p>Null characters are not allowed.</p>"), "{answer:?}");
        }
        assert_eq!(logins(&app), Vec::<String>::new(), "as in the API, nothing is in the audit log");
    }

    fn cookies_of_other_services_are_ignored(db) {
        let app = App::start(db);
        let visit = Visit::by(&app, ADMIN);
        let (name, value) = &visit.cookies[0];
        for cookies in [format!("city=Zürich; {name}={value}"), format!(";;=;  {name}={value} ;x"), format!("{name}=; {name}={value}")] {
            assert_eq!(app.send(Request::new("GET", "/console/").header("Cookie", &cookies)).status, 200, "{cookies}");
        }
        for cookies in [format!("x{name}={value}"), format!("{name}x={value}"), format!("{name} ={value}"), format!("{name}=é{value}")] {
            assert_eq!(app.send(Request::new("GET", "/console/").header("Cookie", &cookies)).status, 303, "{cookies}");
        }
    }

    fn failures_in_the_console_and_the_api_share_one_limit(db) {
        let app = with_people(App::with(db, &[("JETON_LOGIN_LIMIT_USER", "3/min")]));
        assert_eq!(app.try_login(STAFF.0, "wrong").status, 400);
        assert_refused(&app, STAFF.0, "wrong");
        assert_eq!(app.try_login(STAFF.0, "wrong").status, 400);
        let mut visit = Visit::new(&app);
        let answer = visit.sign_in(STAFF.0, STAFF.1);
        assert_eq!((answer.status, answer.header("Retry-After").as_deref()), (429, Some("60")), "{answer:?}");
        assert!(answer.text().contains("Too many failed attempts. Try again in 60 seconds."), "{answer:?}");
        assert_eq!(app.try_login(STAFF.0, STAFF.1).status, 429);
        assert_eq!(logins(&app)[0], "\"login.failed\" \"stella\" \"throttled\"");
        app.clock.advance(Duration::from_mins(1));
        Visit::by(&app, STAFF);
    }

    fn a_sign_in_of_a_user_who_is_not_staff_counts_as_a_failure(db) {
        let app = with_people(App::with(db, &[("JETON_LOGIN_LIMIT_USER", "2/min")]));
        assert_refused(&app, ALICE.0, ALICE.1);
        assert_refused(&app, ALICE.0, ALICE.1);
        assert_eq!(Visit::new(&app).sign_in(ALICE.0, ALICE.1).status, 429);
    }

    fn after_the_sign_in_a_visitor_gets_the_page_that_they_requested(db) {
        let app = App::start(db);
        let mut visit = Visit::new(&app);
        let answer = visit.get("/console/users?search=a%26b");
        assert_eq!(answer.status, 303);
        let form = answer.header("Location").unwrap();
        assert_eq!(form, "/console/sign-in?next=%2Fconsole%2Fusers%3Fsearch%3Da%2526b");
        let page = visit.page(&form);
        assert!(page.contains("name=\"next\" value=\"/console/users?search=a%26b\""), "{page}");
        let fields = [("username", ADMIN.0), ("password", ADMIN.1), ("next", "/console/users?search=a%26b")];
        let answer = visit.post("/console/sign-in", &fields);
        assert_eq!(answer.header("Location").as_deref(), Some("/console/users?search=a%26b"));
        assert_eq!(visit.get(&form).header("Location").as_deref(), Some("/console/users?search=a%26b"), "signed in already");
    }

    fn the_sign_in_redirects_only_to_pages_of_the_console(db) {
        let app = App::start(db);
        for next in ["https://evil.test/", "//evil.test/console/", "/docs/", "/console/../docs/", "/\\evil.test", "javascript:0"] {
            let mut visit = Visit::new(&app);
            let query = format!("/console/sign-in?next={}", crate::support::http::encode(next));
            assert!(visit.page(&query).contains("name=\"next\" value=\"/console/\""), "{next}");
            let answer = visit.post("/console/sign-in", &[("username", ADMIN.0), ("password", ADMIN.1), ("next", next)]);
            assert_eq!(answer.header("Location").as_deref(), Some("/console/"), "{next}");
            assert_eq!(visit.get(&query).header("Location").as_deref(), Some("/console/"), "{next}");
        }
    }

    fn the_sign_in_page_ignores_the_parameter_page(db) {
        let app = App::start(db);
        for page in ["x", "0", "2"] {
            let answer = app.send(Request::new("GET", &format!("/console/sign-in?page={page}")));
            assert_eq!(answer.status, 200, "{page}: {}", answer.text());
        }
    }

    fn every_sign_in_creates_a_new_session(db) {
        let app = App::start(db);
        let mut visit = Visit::by(&app, ADMIN);
        let first = visit.cookies.clone();
        // A link on another site leads to this form, and the browser does not send the session's cookie with it.
        let session = visit.cookies.remove(0);
        visit.get("/console/sign-in");
        visit.cookies.insert(0, session);
        visit.post("/console/sign-in", &[("username", ADMIN.0), ("password", ADMIN.1)]);
        assert!(visit.is_signed_in());
        assert_ne!(visit.cookies, first);
        visit.cookies = first;
        assert!(!visit.is_signed_in(), "the previous session is over");
        assert_eq!(app.sql("select count(*) from sessions"), "1");
    }

    fn a_link_from_another_site_does_not_end_the_session(db) {
        let app = App::start(db);
        let mut visit = Visit::by(&app, ADMIN);
        let cookies = std::mem::take(&mut visit.cookies);
        visit.get("/console/sign-in"); // the browser does not send a cookie with SameSite=Strict
        assert!(!visit.cookies.iter().any(|(name, _)| name == "jeton_console"), "{:?}", visit.cookies);
        visit.cookies.extend(cookies);
        assert!(visit.is_signed_in());
    }

    fn a_sign_in_form_must_come_from_the_sign_in_page(db) {
        let app = App::start(db);
        let good = [("username", ADMIN.0), ("password", ADMIN.1)];
        let attempt = |visit: &mut Visit| {
            let answer = visit.post("/console/sign-in", &good);
            assert_eq!(answer.status, 403, "{answer:?}");
            assert!(!visit.is_signed_in());
            answer.text()
        };
        assert!(attempt(&mut Visit::new(&app)).contains("Please try again."), "no cookie, no token");
        let mut other = Visit::new(&app);
        other.get("/console/sign-in");
        let mut visit = Visit::new(&app);
        visit.get("/console/sign-in");
        visit.form_token.clone_from(&other.form_token);
        attempt(&mut visit);
        let mut cross = Visit::new(&app).with("Sec-Fetch-Site", "cross-site");
        cross.get("/console/sign-in");
        attempt(&mut cross);
        let mut same = Visit::new(&app).with("Sec-Fetch-Site", "same-origin");
        assert_eq!(same.sign_in(ADMIN.0, ADMIN.1).status, 303);
    }

    fn cookies_have_the_attributes_that_protect_them(db) {
        let app = App::with(db, &[("JETON_TRUSTED_PROXIES", "127.0.0.1")]);
        let set = |visit: &mut Visit| {
            let form = visit.get("/console/sign-in").headers_named("Set-Cookie");
            let answer = visit.post("/console/sign-in", &[("username", ADMIN.0), ("password", ADMIN.1)]);
            [form, answer.headers_named("Set-Cookie")].concat()
        };
        let plain = set(&mut Visit::new(&app));
        let names = ["jeton_console_form=", "jeton_console=", "jeton_console_form="];
        let start = "jeton_start=console; Path=/; HttpOnly; SameSite=Lax";
        assert_eq!((plain.len(), plain[3].as_str()), (4, start), "no credential: where this browser starts");
        for (cookie, name) in plain.iter().zip(names) {
            assert!(cookie.starts_with(name) && cookie.contains("; Path=/console; HttpOnly; SameSite=Strict"), "{cookie}");
            assert!(!cookie.contains("Secure") && !cookie.contains("Domain"), "{cookie}");
        }
        let mut visit = Visit::new(&app).with("X-Forwarded-Proto", "https");
        for (cookie, name) in set(&mut visit).iter().zip(names) {
            assert!(cookie.starts_with(&format!("__Secure-{name}")), "{cookie}");
            assert!(cookie.contains("; Path=/console; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
        }
        assert!(visit.is_signed_in());
        // A cookie that was set over plain HTTP is not accepted over HTTPS.
        for (name, _) in &mut visit.cookies {
            *name = name.replace("__Secure-", "");
        }
        assert!(!visit.is_signed_in());
    }

    fn neither_a_client_nor_a_token_is_a_session(db) {
        let app = App::start(db);
        let key = app.admin_token();
        for request in [
            Request::new("GET", "/console/").token(&key),
            Request::new("GET", "/console/").basic(CLIENT.0, CLIENT.1),
            Request::new("GET", "/console/").header("Cookie", format!("jeton_console={key}")),
            Request::new("GET", "/console/").header("Cookie", format!("jeton_console={}", "0".repeat(64))),
            Request::new("GET", "/console/").header("Cookie", "jeton_console"),
        ] {
            assert_eq!(app.send(request).status, 303);
        }
    }
}

#[test]
fn x_forwarded_proto_of_an_untrusted_client_is_ignored() {
    let app = App::start(Kind::Sqlite);
    let answer = Visit::new(&app).with("X-Forwarded-Proto", "https").get("/console/sign-in");
    assert!(!answer.header("Set-Cookie").unwrap().contains("Secure"));
}
