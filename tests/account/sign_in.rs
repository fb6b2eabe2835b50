//! Signing in to one's own account and out of it.

use std::time::Duration;

use serde_json::json;

use super::{ALICE, NEW, STAFF, leads_to_sign_in, sessions, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App, CLIENT};
use crate::support::console::Visit;
use crate::support::http::Request;

const WRONG: &str = "Please enter a correct username and password. Note that both fields may be case-sensitive.";

/// The logins at these pages in the audit log, the newest first: action, target and reason.
fn logins(app: &App) -> Vec<String> {
    let entries = app.list("/admin/audit/");
    let of_account = entries.iter().filter(|entry| entry["details"]["via"] == "account");
    of_account.map(|entry| format!("{} {} {}", entry["action"], entry["target"], entry["details"]["reason"])).collect()
}

on_both! {
    fn every_active_user_signs_in_and_out(db) {
        let app = with_people(App::start(db));
        for who in [ALICE, STAFF, ADMIN] {
            let mut visit = Visit::at_account(&app, who);
            let page = visit.page("/account/");
            assert!(page.contains("Sign out") && page.contains(who.0), "{page}");
            assert_eq!(page.contains("href=\"/console/\""), who != ALICE, "staff see a link to the console");
            assert_eq!(visit.get("/account/sign-in").header("Location").as_deref(), Some("/account/"), "signed in already");
            let cookies = visit.cookies.clone();
            assert!(leads_to_sign_in(&visit.post("/account/sign-out", &[])));
            assert!(!visit.cookies.iter().any(|(name, _)| name == "jeton_account"), "the cookie is forgotten");
            visit.cookies = cookies;
            assert!(!visit.is_at_home(), "a stolen copy of the cookie is useless from then on");
        }
        assert_eq!(sessions(&app), "0");
        assert_eq!(logins(&app), ["\"login\" \"admin\" null", "\"login\" \"stella\" null", "\"login\" \"alice\" null"]);
    }

    fn every_refused_sign_in_gets_the_same_message(db) {
        let app = with_people(App::start(db));
        app.create_user("ina", ALICE.1, &json!({"is_active": false}));
        for (username, password) in [("nobody", "x"), (ALICE.0, "wrong"), ("ALICE", ALICE.1), ("ina", ALICE.1), ("<script>", "x")] {
            let mut visit = Visit::new(&app);
            let answer = visit.sign_in_at_account(username, password);
            assert_eq!(answer.status, 400, "{username}: {answer:?}");
            assert!(answer.text().contains(WRONG) && answer.text().contains("role=\"alert\""), "{username}: {answer:?}");
            assert!(!visit.is_at_home());
        }
        assert_eq!(logins(&app).len(), 5);
        assert_eq!(logins(&app)[1], "\"login.failed\" \"ina\" \"inactive\"");
        let empty = Visit::new(&app).sign_in_at_account(" ", "");
        assert!(empty.status == 400 && empty.text().contains("This field is required."), "{empty:?}");
    }

    fn failures_here_and_at_the_api_share_one_limit(db) {
        let app = with_people(App::with(db, &[("JETON_LOGIN_LIMIT_USER", "3/min")]));
        let mut visit = Visit::at_account(&app, ALICE);
        assert_eq!(app.try_login(ALICE.0, "wrong").status, 400);
        assert_eq!(Visit::new(&app).sign_in_at_account(ALICE.0, "wrong").status, 400);
        visit.page("/account/");
        let wrong = [("name", "n"), ("password", "wrong")];
        assert_eq!(visit.post("/account/tokens", &wrong).status, 400, "a wrong password of a form counts, too");
        for (what, answer) in [
            ("a sign-in", Visit::new(&app).sign_in_at_account(ALICE.0, ALICE.1)),
            ("a token", visit.post("/account/tokens", &[("name", "n"), ("password", ALICE.1)])),
            ("a password", visit.post("/account/password", &[("old_password", ALICE.1), ("new_password", NEW), ("again", NEW)])),
        ] {
            assert_eq!((answer.status, answer.header("Retry-After").as_deref()), (429, Some("60")), "{what}: {answer:?}");
            assert!(answer.text().contains("Too many failed attempts. Try again in 60 seconds."), "{what}: {answer:?}");
        }
        assert_eq!(app.try_login(ALICE.0, ALICE.1).status, 429);
        assert_eq!(app.list("/admin/audit/?action=login.failed&target=alice")[1]["details"]["via"], "/account/tokens");
        app.clock.advance(Duration::from_mins(1));
        Visit::at_account(&app, ALICE);
    }

    fn a_session_of_one_place_is_none_of_the_other(db) {
        let app = with_people(App::start(db));
        let mut console = Visit::by(&app, STAFF);
        let mut account = Visit::at_account(&app, STAFF);
        let value = |visit: &Visit, name: &str| visit.cookies.iter().find(|(known, _)| known == name).unwrap().1.clone();
        let swapped = [
            ("/account/", format!("jeton_account={}", value(&console, "jeton_console"))),
            ("/console/", format!("jeton_console={}", value(&account, "jeton_account"))),
        ];
        for (path, cookie) in swapped {
            assert_eq!(app.send(Request::new("GET", path).header("Cookie", &cookie)).status, 303, "{path}");
        }
        assert!(console.is_signed_in() && account.is_at_home());
        account.page("/account/");
        account.post("/account/sign-out", &[]);
        assert!(console.is_signed_in());
        let key = app.admin_token();
        for request in [Request::new("GET", "/account/").token(&key), Request::new("GET", "/account/").basic(CLIENT.0, CLIENT.1)] {
            assert_eq!(app.send(request).status, 303);
        }
    }

    fn a_sign_in_form_must_come_from_the_sign_in_page(db) {
        let app = with_people(App::start(db));
        let good = [("username", ALICE.0), ("password", ALICE.1)];
        let mut other = Visit::new(&app);
        other.get("/account/sign-in");
        let mut visit = Visit::new(&app);
        assert_eq!(visit.post("/account/sign-in", &good).status, 403, "no cookie, no token");
        visit.form_token.clone_from(&other.form_token);
        assert_eq!(visit.post("/account/sign-in", &good).status, 403, "the token of another browser");
        let mut cross = Visit::new(&app).with("Sec-Fetch-Site", "cross-site");
        assert_eq!(cross.sign_in_at_account(ALICE.0, ALICE.1).status, 403);
        assert_eq!(sessions(&app), "0");
    }

    fn cookies_have_the_attributes_that_protect_them(db) {
        let app = with_people(App::with(db, &[("JETON_TRUSTED_PROXIES", "127.0.0.1")]));
        let set = |visit: &mut Visit| {
            let form = visit.get("/account/sign-in").headers_named("Set-Cookie");
            let answer = visit.post("/account/sign-in", &[("username", ALICE.0), ("password", ALICE.1)]);
            [form, answer.headers_named("Set-Cookie")].concat()
        };
        let names = ["jeton_account_form=", "jeton_account=", "jeton_account_form="];
        let plain = set(&mut Visit::new(&app));
        assert_eq!(plain.len(), 3, "{plain:?}");
        for (cookie, name) in plain.iter().zip(names) {
            assert!(cookie.starts_with(name) && cookie.contains("; Path=/account; HttpOnly; SameSite=Strict"), "{cookie}");
            assert!(!cookie.contains("Secure") && !cookie.contains("Domain"), "{cookie}");
        }
        for (cookie, name) in set(&mut Visit::new(&app).with("X-Forwarded-Proto", "https")).iter().zip(names) {
            assert!(cookie.starts_with(&format!("__Secure-{name}")) && cookie.contains("; SameSite=Strict; Secure"), "{cookie}");
        }
    }

    fn users_sign_in_with_what_logins_take(db) {
        let app = App::start(db);
        app.create_user("alice", ALICE.1, &json!({"email": "alice@example.com"}));
        let node = app.node(&[("JETON_LOGIN_BY", "email")]);
        let mut visit = Visit::new(&node);
        assert!(visit.page("/account/sign-in").contains(">E-mail</label>"));
        assert_eq!(visit.sign_in_at_account("alice", ALICE.1).status, 400);
        assert_eq!(visit.sign_in_at_account("alice@example.com", ALICE.1).status, 303);
        assert!(visit.is_at_home());
    }
}
