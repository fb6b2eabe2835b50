//! When a session of `/account/` ends.

use std::time::Duration;

use serde_json::json;

use super::{ALICE, NEW, STAFF, leads_to_sign_in, link, sessions, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::calls::short_of;
use crate::support::console::Visit;
use crate::support::http::Request;

on_both! {
    fn a_session_ends_when_it_is_not_used_and_at_its_greatest_age(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::at_account(&app, ALICE);
        app.clock.advance(short_of(Duration::from_mins(30)));
        assert!(visit.is_at_home());
        app.clock.advance(Duration::from_mins(30));
        assert!(!visit.is_at_home());
        let mut visit = Visit::at_account(&app, ALICE);
        for _ in 0..35 {
            app.clock.advance(Duration::from_mins(20));
            assert!(visit.is_at_home());
        }
        app.clock.advance(Duration::from_mins(20));
        assert!(!visit.is_at_home(), "twelve hours");
    }

    fn what_takes_an_account_away_ends_its_sessions_and_nothing_else_does(db) {
        let app = with_people(App::start(db));
        let (admin, change) = (app.admin_token(), |fields| ("PATCH", "", fields));
        let keeps = [json!({"first_name": "Al"}), json!({"is_staff": true}), json!({"is_staff": false}), json!({"groups": ["x"]})];
        let mut visit = Visit::at_account(&app, ALICE);
        for fields in keeps {
            app.send(Request::new("PATCH", "/admin/users/alice").token(&admin).json(&fields));
            assert!(visit.is_at_home(), "{fields}");
        }
        for (method, path, fields) in [change(json!({"is_active": false})), ("POST", "/password", json!({"password": NEW})), ("DELETE", "", json!({}))] {
            app.send(Request::new("PATCH", "/admin/users/alice").token(&admin).json(&json!({"is_active": true})));
            app.post("/admin/users/alice/password", &admin, &json!({"password": ALICE.1}));
            let mut visits = [Visit::at_account(&app, ALICE), Visit::at_account(&app, ALICE)];
            let mut other = Visit::at_account(&app, STAFF);
            let answer = app.send(Request::new(method, &format!("/admin/users/alice{path}")).token(&admin).json(&fields));
            assert!(answer.status < 300, "{answer:?}");
            assert!(visits.iter_mut().all(|visit| !visit.is_at_home()), "{method} {path}");
            assert!(other.is_at_home());
        }
    }

    fn who_is_no_longer_staff_loses_the_console_and_keeps_the_account(db) {
        let app = with_people(App::start(db));
        let (mut console, mut account) = (Visit::by(&app, STAFF), Visit::at_account(&app, STAFF));
        app.send(Request::new("PATCH", "/admin/users/stella").token(&app.admin_token()).json(&json!({"is_staff": false})));
        assert!(!console.is_signed_in() && account.is_at_home());
        assert!(!account.page("/account/").contains("/console/"));
    }

    fn a_used_link_ends_the_sessions(db) {
        let app = with_people(App::start(db));
        let (mut signed_in, mut visit) = (Visit::at_account(&app, ALICE), Visit::new(&app));
        let path = link(&app, "alice");
        visit.page(&path);
        assert!(signed_in.is_at_home(), "nothing is done before the form is sent");
        assert_eq!(visit.post(&path, &[("password", NEW), ("again", NEW)]).status, 303);
        assert!(!signed_in.is_at_home());
    }

    fn a_change_by_sql_and_on_another_node_takes_effect_at_the_next_page(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::at_account(&app, ALICE);
        let node = app.node(&[]);
        let mut there = Visit::new(&node);
        there.cookies.clone_from(&visit.cookies);
        assert!(there.is_at_home());
        app.sql("update users set is_active = false where username = 'alice'");
        assert!(!visit.is_at_home() && !there.is_at_home());
        app.sql("update users set is_active = true where username = 'alice'");
        assert!(!visit.is_at_home(), "the session does not come back");
        assert_eq!(sessions(&app), "0");
    }

    fn a_form_whose_session_ends_meanwhile_does_nothing(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::at_account(&app, ALICE);
        visit.page("/account/");
        let admin = app.admin_token();
        app.post("/admin/users/alice/password", &admin, &json!({"password": ALICE.1}));
        for (path, fields) in [
            ("/account/tokens", vec![("name", "n"), ("password", ALICE.1)]),
            ("/account/password", vec![("old_password", ALICE.1), ("new_password", NEW), ("again", NEW)]),
            ("/account/profile", vec![("first_name", "x")]),
        ] {
            assert!(leads_to_sign_in(&visit.post(path, &fields)), "{path}");
        }
        assert_eq!(app.tokens_of("alice").len(), 0);
        app.login(ALICE.0, ALICE.1);
        assert!(Visit::by(&app, ADMIN).is_signed_in());
    }
}
