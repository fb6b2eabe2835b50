//! When a session of the console ends.

use std::time::Duration;

use serde_json::json;

use super::{STAFF, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::calls::{MICRO, short_of};
use crate::support::console::Visit;
use crate::support::eventually;

const IDLE: Duration = Duration::from_mins(30);
const MAX: Duration = Duration::from_hours(12);

fn sessions(app: &App) -> String {
    app.database.sql("select count(*) from sessions")
}

on_both! {
    fn a_session_that_is_not_used_for_half_an_hour_is_over(db) {
        let app = App::start(db);
        let mut visit = Visit::by(&app, ADMIN);
        for _ in 0..3 {
            app.clock.advance(short_of(IDLE));
            assert!(visit.is_signed_in());
        }
        app.clock.advance(IDLE);
        assert!(!visit.is_signed_in());
        assert_eq!(sessions(&app), "0", "its row is deleted");
    }

    fn a_session_is_over_after_twelve_hours_even_in_use(db) {
        let app = App::start(db);
        let mut visit = Visit::by(&app, ADMIN);
        for _ in 0..36 {
            app.clock.advance(Duration::from_mins(20));
            if app.clock.now().as_micros() < 1_750_000_000_123_456 + i64::try_from(MAX.as_micros()).unwrap() {
                assert!(visit.is_signed_in());
            }
        }
        assert!(!visit.is_signed_in());
    }

    fn a_change_of_a_user_ends_the_sessions_of_this_user_only(db) {
        let app = with_people(App::start(db));
        let admin = ("rita", "the seventh wave is high");
        app.create_user(admin.0, admin.1, &json!({"is_superuser": true}));
        let mut other = Visit::by(&app, admin);
        let ends: [(&str, &[(&str, &str)]); 3] = [
            ("/active", &[("is_active", "false")]),
            ("/password", &[("password", "another lantern in a fog")]),
            ("/delete", &[]),
        ];
        for (path, fields) in ends {
            let mut first = Visit::by(&app, STAFF);
            let mut second = Visit::by(&app, STAFF);
            other.page("/console/users");
            other.done(&format!("/console/users/@{}{path}", STAFF.0), fields);
            assert_eq!(sessions(&app), "1", "{path}");
            if path == "/active" {
                other.done(&format!("/console/users/@{}/active", STAFF.0), &[("is_active", "true")]);
            } else if path == "/password" {
                other.done(&format!("/console/users/@{}/password", STAFF.0), &[("password", STAFF.1)]);
            }
            assert!(!first.is_signed_in() && !second.is_signed_in(), "{path}: the session does not come back");
            assert!(other.is_signed_in());
        }
    }

    fn a_change_of_ones_own_password_ends_the_session(db) {
        let app = App::start(db);
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@admin");
        let answer = visit.post("/console/users/@admin/password", &[("password", "another lantern in a fog")]);
        assert_eq!(answer.status, 303, "{answer:?}");
        assert!(!visit.is_signed_in());
        Visit::by(&app, (ADMIN.0, "another lantern in a fog"));
    }

    fn a_change_by_sql_takes_effect_at_the_next_page(db) {
        let app = with_people(App::start(db));
        for (change, back) in [("is_active = false", "is_active = true"), ("is_staff = false", "is_staff = true")] {
            let mut visit = Visit::by(&app, STAFF);
            app.sql(&format!("update users set {change} where username = 'stella'"));
            assert!(!visit.is_signed_in(), "{change}");
            app.sql(&format!("update users set {back} where username = 'stella'"));
            assert!(!visit.is_signed_in(), "the session does not come back");
        }
        let mut visit = Visit::by(&app, STAFF);
        app.sql("delete from sessions");
        assert!(!visit.is_signed_in());
    }

    fn a_session_is_valid_on_every_node(db) {
        let app = App::start(db);
        let mut visit = Visit::by(&app, ADMIN);
        let node = app.node(&[]);
        let mut there = Visit::new(&node);
        there.cookies.clone_from(&visit.cookies);
        assert!(there.is_signed_in());
        visit.page("/console/");
        visit.post("/console/sign-out", &[]);
        assert!(!there.is_signed_in());
    }

    fn a_copy_of_the_database_does_not_let_a_thief_sign_in(db) {
        let app = App::start(db);
        let visit = Visit::by(&app, ADMIN);
        let hex = if app.database.postgres.is_some() { "encode(digest, 'hex')" } else { "lower(hex(digest))" };
        let digest = app.database.sql(&format!("select {hex} from sessions"));
        assert_eq!(digest.len(), 64);
        let mut thief = Visit::new(&app);
        thief.cookies = vec![("jeton_console".into(), digest.clone())];
        assert!(!thief.is_signed_in());
        assert!(visit.cookies.iter().all(|(_, value)| *value != digest));
        assert_ne!(visit.form_token, digest);
    }

    fn a_notice_is_shown_once(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@alice");
        let page = visit.done("/console/users/@alice/active", &[("is_active", "false")]);
        assert!(page.contains("alice is deactivated: they cannot log in, and their tokens are not accepted."), "{page}");
        assert!(!visit.page("/console/users/@alice").contains("is deactivated:"));
    }

    fn ended_sessions_are_purged(db) {
        let app = App::start(db);
        Visit::by(&app, ADMIN);
        app.clock.advance(IDLE);
        let purge_until = |left: &str| {
            let node = app.node(&[]);
            eventually("a purge", Duration::from_secs(20), || (sessions(&app) == left).then_some(()));
            drop(node);
        };
        let mut young = Visit::by(&app, ADMIN);
        app.clock.advance(MICRO);
        purge_until("1");
        assert!(young.is_signed_in());
    }
}
