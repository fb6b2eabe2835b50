//! The page that a link for a password leads to.

use std::sync::Barrier;
use std::time::Duration;

use serde_json::json;

use super::{ALICE, NEW, STAFF, link, with_people};
use crate::on_both;
use crate::serve::{LIMIT, bare};
use crate::support::app::{ADMIN, App, Kind, SECRET_KEY, TestDatabase};
use crate::support::calls::MICRO;
use crate::support::console::{Visit, secret};
use crate::support::eventually;
use crate::support::http::Request;

const GOOD: [(&str, &str); 2] = [("password", NEW), ("again", NEW)];

#[track_caller]
fn assert_closed(app: &App, path: &str) {
    for answer in [Visit::new(app).get(path), Visit::new(app).post(path, &GOOD)] {
        assert_eq!(answer.status, 404, "{answer:?}");
        assert!(
            answer.text().contains("This link is no longer valid") && !answer.text().contains("alice"),
            "{answer:?}"
        );
    }
}

on_both! {
    fn a_user_sets_a_password_once_and_signs_in(db) {
        let app = with_people(App::start(db));
        let login = app.login(ALICE.0, ALICE.1);
        let named = app.name_token(&login, &json!({"name": "ci"}))["token"].as_str().unwrap().to_owned();
        let path = link(&app, "alice");
        let mut visit = Visit::new(&app);
        for _ in 0..3 {
            // Mail scanners open links.
            Visit::new(&app).page(&path);
            let page = visit.page(&path);
            assert!(page.contains("For <bdi>alice</bdi>.") && page.contains("At least 8 characters"), "{page}");
        }
        assert!(app.is_good(&login));
        let page = visit.done(&path, &GOOD);
        assert!(page.contains("The new password is set. Sign in with it."), "{page}");
        assert!(!app.is_good(&login) && app.is_good(&named), "as with the staff's route");
        assert_eq!(app.try_login(ALICE.0, ALICE.1).status, 400);
        Visit::at_account(&app, (ALICE.0, NEW));
        assert_closed(&app, &path);
        let entry = &app.list("/admin/audit/?action=user.password")[0];
        assert_eq!((&entry["actor"], &entry["target"]), (&json!("alice"), &json!("alice")));
        assert_eq!((&entry["details"], &entry["address"]), (&json!({"via": "password_link"}), &json!("127.0.0.1")));
    }

    fn whoever_else_is_signed_in_is_signed_out_before_the_new_password_is_asked_for(db) {
        let app = with_people(App::start(db));
        let path = link(&app, "alice");
        let mut visit = Visit::at_account(&app, STAFF);
        let cookies = visit.cookies.clone();
        visit.page(&path);
        let page = visit.done(&path, &GOOD);
        assert!(page.contains("The new password is set. Sign in with it."), "{page}");
        visit.cookies = cookies;
        assert_eq!(visit.get("/account/").status, 303, "the session has ended");
    }

    fn a_user_without_a_password_is_invited(db) {
        let app = App::start(db);
        let mut console = Visit::by(&app, ADMIN);
        console.page("/console/users/new");
        console.done("/console/users/new", &[("username", "amy")]);
        console.page("/console/users/@amy");
        let answer = console.post("/console/users/@amy/password-link", &[("expires_in", "7d")]);
        assert_eq!((answer.status, answer.headers_named("Cache-Control")), (200, vec!["no-store".into()]), "{answer:?}");
        let path = secret(&answer.text()).strip_prefix(&format!("http://{}", app.addr)).unwrap().to_owned();
        let mut visit = Visit::new(&app);
        visit.page(&path);
        visit.done(&path, &GOOD);
        app.login("amy", NEW);
        assert_eq!(console.post("/console/users/@amy/password-link", &[("expires_in", "soon")]).status, 400);
    }

    fn one_of_two_uses_at_once_sets_the_password(db) {
        let app = with_people(App::start(db));
        let node = app.node(&[]);
        let path = link(&app, "alice");
        let barrier = Barrier::new(6);
        let answers: Vec<(u16, String)> = std::thread::scope(|scope| {
            let send = |number: usize| {
                let (app, path, barrier) = (if number.is_multiple_of(2) { &app } else { &node }, &path, &barrier);
                scope.spawn(move || {
                    let mut visit = Visit::new(app);
                    visit.page(path);
                    barrier.wait();
                    let password = format!("lantern number {number} in a fog");
                    (visit.post(path, &[("password", &password), ("again", &password)]).status, password)
                })
            };
            let sent: Vec<_> = (0..6).map(send).collect();
            sent.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let winners: Vec<_> = answers.iter().filter(|(status, _)| *status == 303).collect();
        assert_eq!(winners.len(), 1, "{answers:?}");
        assert!(answers.iter().all(|(status, _)| [303, 404].contains(status)), "{answers:?}");
        app.login(ALICE.0, &winners[0].1);
        assert_eq!(app.list("/admin/audit/?action=user.password").len(), 1);
    }

    fn a_refused_password_leaves_the_link_open(db) {
        let app = with_people(App::start(db));
        let path = link(&app, "alice");
        let mut visit = Visit::new(&app);
        visit.page(&path);
        for (password, again, fault) in [
            ("short", "short", "This password is too short."),
            ("alice2000", "alice2000", "The password is too similar to the username."),
            (NEW, "other", "The two password fields didn’t match."),
            ("", "", "This password is too short."),
        ] {
            let answer = visit.post(&path, &[("password", password), ("again", again)]);
            assert!(answer.status == 400 && answer.text().contains(fault), "{password}: {answer:?}");
            assert!(!answer.text().contains(NEW), "no password is sent back");
        }
        assert_eq!(visit.post(&path, &GOOD).status, 303);
    }

    fn the_form_must_come_from_the_page(db) {
        let app = with_people(App::start(db));
        let path = link(&app, "alice");
        let mut other = Visit::new(&app);
        other.page(&path);
        let mut visit = Visit::new(&app);
        assert_eq!(visit.post(&path, &GOOD).status, 403, "no cookie, no token");
        let mut third = Visit::new(&app);
        third.form_token.clone_from(&other.form_token);
        assert_eq!(third.post(&path, &GOOD).status, 403, "the token of another browser");
        let mut cross = Visit::new(&app).with("Sec-Fetch-Site", "cross-site");
        cross.get(&path);
        assert_eq!(cross.post(&path, &GOOD).status, 403);
        app.login(ALICE.0, ALICE.1);
        assert_eq!(other.post(&path, &GOOD).status, 303);
    }

    fn links_end_early_and_in_time(db) {
        let app = with_people(App::start(db));
        let admin = app.admin_token();
        let first = link(&app, "alice");
        let second = link(&app, "alice");
        assert_closed(&app, &first);
        assert_eq!(Visit::new(&app).get(&second).status, 200);
        app.post("/admin/users/alice/password", &admin, &json!({"password": ALICE.1}));
        assert_closed(&app, &second);
        let third = link(&app, "alice");
        for is_active in [false, true] {
            app.send(Request::new("PATCH", "/admin/users/alice").token(&admin).json(&json!({"is_active": is_active})));
            assert_closed(&app, &third);
        }
        let fourth = link(&app, "alice");
        app.login(ALICE.0, ALICE.1);
        app.clock.advance(Duration::from_hours(1) - MICRO);
        assert_eq!(Visit::new(&app).get(&fourth).status, 200, "a login does not end it");
        app.clock.advance(MICRO);
        assert_closed(&app, &fourth);
    }

    fn whoever_made_a_link_cannot_use_it_after_losing_their_rights_over_the_user(db) {
        let app = with_people(App::start(db));
        let stella = app.login(STAFF.0, STAFF.1);
        let make = || {
            let url = app.post("/admin/users/alice/password-link", &stella, &json!({})).json()["url"].as_str().unwrap().to_owned();
            url.strip_prefix(&format!("http://{}", app.addr)).unwrap().to_owned()
        };
        let change = |name: &str, fields| {
            let path = format!("/admin/users/{name}");
            assert_eq!(app.send(Request::new("PATCH", &path).token(&app.admin_token()).json(&fields)).status, 200);
        };
        let path = make();
        change("alice", json!({"is_superuser": true}));
        assert_closed(&app, &path);
        change("alice", json!({"is_superuser": false, "is_staff": false}));
        let path = make();
        change("stella", json!({"is_staff": false}));
        assert_closed(&app, &path);
    }

    fn a_change_of_rights_by_sql_closes_links_too(db) {
        let app = with_people(App::start(db));
        let stella = app.login(STAFF.0, STAFF.1);
        let url = app.post("/admin/users/alice/password-link", &stella, &json!({})).json()["url"].as_str().unwrap().to_owned();
        let path = url.strip_prefix(&format!("http://{}", app.addr)).unwrap();
        for (name, flags) in [
            ("alice", "is_staff = true"),
            ("alice", "is_staff = true, is_superuser = true"),
            ("stella", "is_staff = false"),
            ("stella", "is_active = false"),
        ] {
            let mut visit = Visit::new(&app);
            assert_eq!(visit.get(path).status, 200, "before {name} {flags}");
            app.sql(&format!("update users set {flags} where username = '{name}'"));
            assert_eq!(visit.post(path, &GOOD).status, 404, "{name} {flags}");
            assert_closed(&app, path);
            app.sql("update users set is_staff = username = 'stella', is_superuser = false, is_active = true where username in ('alice', 'stella')");
        }
        assert_eq!(app.login(ALICE.0, ALICE.1).len(), 40, "no form has set a password");
    }

    fn guesses_count_as_failed_logins_of_the_address(db) {
        let app = with_people(App::with(db, &[("JETON_LOGIN_LIMIT_ADDRESS", "3/min")]));
        let path = link(&app, "alice");
        let mut visit = Visit::new(&app);
        visit.page(&path);
        assert_eq!(visit.post(&path, &[("password", "short"), ("again", "short")]).status, 400, "no guess");
        for _ in 0..3 {
            let guess = format!("/account/password/{}", "0".repeat(64));
            assert_eq!(visit.get(&guess).status, 404);
            assert_eq!(visit.post(&guess, &GOOD).status, 404);
        }
        let answer = visit.post(&path, &GOOD);
        assert_eq!((answer.status, answer.header("Retry-After").as_deref()), (429, Some("60")), "{answer:?}");
        assert_eq!(app.try_login(ALICE.0, ALICE.1).status, 429);
        app.clock.advance(Duration::from_mins(1));
        assert_eq!(visit.post(&path, &GOOD).status, 303);
    }

    fn expired_links_are_purged(db) {
        let app = with_people(App::start(db));
        link(&app, "alice");
        app.clock.advance(Duration::from_mins(62));
        link(&app, "stella");
        let node = app.node(&[]);
        eventually("a purge", Duration::from_secs(20), || (app.sql("select count(*) from password_links") == "1").then_some(()));
        drop(node);
    }

    fn no_key_of_a_link_is_in_the_log(db) {
        let database = TestDatabase::migrated(db);
        let settings = [("DATABASE_URL", database.url.as_str()), ("JETON_SECRET_KEY", SECRET_KEY), ("JETON_LOG", "trace"),
            ("JETON_BOOTSTRAP_ADMIN", ADMIN.0), ("JETON_BOOTSTRAP_ADMIN_PASSWORD", ADMIN.1)];
        let server = settings.iter().fold(bare(), |jeton, (name, value)| jeton.env(name, *value)).serve();
        let login = Request::new("POST", "/api-token-auth/").json(&json!({"username": ADMIN.0, "password": ADMIN.1}));
        let key = login.send(server.addr).json()["token"].as_str().unwrap().to_owned();
        let made = Request::new("POST", "/admin/users/admin/password-link").token(&key).send(server.addr).json();
        let url = made["url"].as_str().unwrap().to_owned();
        let path = url.strip_prefix(&format!("http://{}", server.addr)).unwrap();
        let link = path.rsplit('/').next().unwrap();
        for path in [path.to_owned(), format!("{path}/"), format!("{path}/x"), format!("/x/{link}"), format!("/account/passwords/{link}?k={link}")] {
            for method in ["GET", "POST", "PUT"] {
                Request::new(method, &path).header("Referer", &url).send(server.addr);
            }
        }
        server.signal("TERM");
        server.wait(LIMIT);
        let log = server.stderr();
        assert!(log.contains("route=/account/password/{key}"), "{log}");
        assert!(!log.contains(link), "{log}");
    }
}

#[test]
fn the_console_offers_no_link_for_an_inactive_user() {
    let app = with_people(App::start(Kind::Sqlite));
    app.create_user("ina", ALICE.1, &json!({"is_active": false}));
    let mut console = Visit::by(&app, ADMIN);
    assert!(!console.page("/console/users/@ina").contains("Password link"));
    let answer = console.post("/console/users/@ina/password-link", &[("expires_in", "1h")]);
    assert_eq!(answer.status, 409);
    assert!(answer.text().contains("This user is inactive."), "{answer:?}");
}
