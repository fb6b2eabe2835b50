//! The console's first page.

use std::time::Duration;

use jeton::store::MAX_COUNTED;

use super::{ALICE, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App, Kind};
use crate::support::console::Visit;
use crate::support::eventually;

/// The number under a title.
fn figure(page: &str, title: &str) -> String {
    let (_, rest) = page.split_once(&format!("<span class=\"eyebrow\">{title}</span><span class=\"figure\">")).unwrap();
    rest.split('<').next().unwrap().to_owned()
}

on_both! {
    fn the_page_counts_users_tokens_and_logins(db) {
        let app = with_people(App::start(db));
        let key = app.login(ALICE.0, ALICE.1);
        app.login("stella", "a lantern in the fog");
        app.try_login(ALICE.0, "wrong");
        app.revoke(&key);
        app.sql("update users set is_active = false where username = 'stella'");
        let mut visit = Visit::by(&app, ADMIN);
        let page = visit.page("/console/");
        let figures = ["Users", "Live tokens", "Logins", "Refused logins"].map(|title| figure(&page, title));
        // The live tokens are the admin's and stella's, whose row is live although she is inactive.
        let logins = app.database.sql("select count(*) from audit_log where action = 'login'");
        assert_eq!(figures, ["3", "2", logins.as_str(), "1"], "{page}");
        assert!(page.contains("1 of them inactive"));
        app.clock.advance(Duration::from_hours(24));
        let page = Visit::by(&app, ADMIN).page("/console/");
        assert_eq!((figure(&page, "Logins").as_str(), figure(&page, "Refused logins").as_str()), ("1", "0"), "a day later");
    }

    fn the_picture_has_the_logins_of_each_hour(db) {
        let app = with_people(App::start(db));
        app.clock.advance(Duration::from_hours(30));
        app.try_login(ALICE.0, "wrong");
        app.clock.advance(Duration::from_mins(90));
        app.login(ALICE.0, ALICE.1);
        app.login(ALICE.0, ALICE.1);
        let page = Visit::by(&app, ADMIN).page("/console/");
        let hours: Vec<&str> = page.split("<title>").skip(2).map(|rest| rest.split('<').next().unwrap()).collect();
        assert_eq!(hours.len(), 48, "24 of logins, 24 of introspections");
        assert_eq!(hours[23], "one hour from 2025-06-16 21:36 UTC: 3 logins, 0 refused");
        assert_eq!(hours[22], "one hour from 2025-06-16 20:36 UTC: 0 logins, 1 refused");
        assert!(hours[..22].iter().all(|hour| hour.ends_with(": 0 logins, 0 refused")), "{hours:?}");
        assert!(page.contains("aria-label=\"Logins, hour by hour. Logins: 3. Refused: 1\""), "{page}");
        let times: Vec<&str> = page.split("data-clock>").skip(1).map(|rest| &rest[..5]).take(5).collect();
        assert_eq!(times, ["22:36", "04:36", "10:36", "16:36", "22:36"]);
    }

    fn a_day_with_more_entries_than_are_counted_says_so(db) {
        let app = App::start(db);
        let (at, many) = (app.clock.now().naive(), MAX_COUNTED);
        let numbers = if app.database.postgres.is_some() {
            format!("generate_series(1, {many}) as n")
        } else {
            format!("(with recursive s(n) as (select 1 union all select n + 1 from s where n < {many}) select n from s)")
        };
        let page = Visit::by(&app, ADMIN).page("/console/");
        assert!(!page.contains("Of the newest") && !page.contains("Among the newest"), "{page}");
        app.sql(&format!("insert into audit_log (at, actor, action, target) select '{at}', 'x', 'login.failed', 'x' from {numbers}"));
        let page = Visit::by(&app, ADMIN).page("/console/");
        assert!(page.contains("Of the newest 50,000 entries of the audit log"), "{page}");
        assert!(figure(&page, "Refused logins").ends_with('+') && figure(&page, "Logins").ends_with('+'), "{page}");
        assert!(page.contains("Among the newest 10,000 refused logins."), "{page}");
    }

    fn live_tokens_of_many_are_those_of_the_last_count(db) {
        let app = App::start(db);
        app.admin_token();
        let (at, many) = (app.clock.now().naive(), MAX_COUNTED);
        let (numbers, digest) = if app.database.postgres.is_some() {
            (format!("generate_series(1, {many}) as n"), "decode(lpad(to_hex(n), 64, '0'), 'hex')")
        } else {
            let numbers = "with recursive s(n) as (select 1 union all select n + 1 from s where n <";
            (format!("({numbers} {many}) select n from s)"), "randomblob(32)")
        };
        app.sql(&format!(
            "insert into tokens (user_id, digest, created_at, revoked_at) select users.id, {digest}, '{at}', '{at}' from users, {numbers}"
        ));
        let live = app.sql("select count(*) from tokens where revoked_at is null");
        // It counts all tokens when it starts.
        let other = app.node(&[]);
        eventually("a count of all tokens", Duration::from_mins(1), || {
            let page = Visit::by(&other, ADMIN).page("/console/");
            page.contains("counted <time").then(|| assert_eq!(figure(&page, "Live tokens"), live))
        });
    }

    fn the_names_and_addresses_that_are_refused_most_lead_to_their_entries(db) {
        let app = with_people(App::start(db));
        for (name, count) in [("alice", 3), ("<b>", 1)] {
            for _ in 0..count {
                app.try_login(name, "wrong");
            }
        }
        let page = Visit::by(&app, ADMIN).page("/console/");
        let (_, names) = page.split_once("Names most often refused").unwrap();
        let (names, addresses) = names.split_once("Addresses most often refused").unwrap();
        let links: Vec<&str> = names.split("<li>").skip(1).collect();
        assert_eq!(links.len(), 2, "{names}");
        assert!(links[0].contains("href=\"/console/audit?action=login.failed&#38;target=alice\"") && links[0].contains(">3<"), "{names}");
        assert!(links[1].contains("target=%3Cb%3E") && links[1].contains("&#60;b&#62;") && links[1].contains(">1<"), "{names}");
        assert!(addresses.contains("address=127.0.0.1") && addresses.contains(">4<"), "{addresses}");
        assert!(links[0].contains("last <time datetime=\"2025-06-15T15:06"), "{names}");
        app.clock.advance(Duration::from_mins(10));
        app.try_login("alice", "wrong");
        let page = Visit::by(&app, ADMIN).page("/console/");
        let (_, names) = page.split_once("Names most often refused").unwrap();
        assert!(names.contains("last <time datetime=\"2025-06-15T15:16"), "{names}");
        app.clock.advance(Duration::from_hours(24));
        assert!(!Visit::by(&app, ADMIN).page("/console/").contains("most often refused"));
    }

    fn checked_tokens_are_counted_by_their_results(db) {
        let app = App::start(db);
        let key = app.admin_token();
        for token in [key.as_str(), key.as_str(), "unknown", "no key"] {
            app.introspect(token);
        }
        let page = Visit::by(&app, ADMIN).page("/console/");
        let (_, checked) = page.split_once("Tokens checked by this node").unwrap();
        assert!(checked.contains("Active: 2") && checked.contains("Not active: 2"), "{checked}");
        let (_, sums) = checked.split_once("<p class=\"muted\">").unwrap();
        assert!(sums.starts_with("2 active, "), "{sums}");
    }

    fn the_page_shows_the_state_of_this_node(db) {
        let app = App::start(db);
        app.wait_until_synced();
        let page = Visit::by(&app, ADMIN).page("/console/");
        let kind = if app.database.postgres.is_some() { "PostgreSQL, in " } else { "SQLite, in " };
        for words in [kind, "<span class=\"state well\">answers</span>", "<span class=\"state well\">arrive in time</span>", env!("CARGO_PKG_VERSION")] {
            assert!(page.contains(words), "{words} in {page}");
        }
    }
}

#[test]
fn a_number_that_cannot_be_counted_in_time_is_left_out() {
    let app = App::with(Kind::Postgres, &[("JETON_DATABASE_TIMEOUT", "500ms")]);
    let mut visit = Visit::by(&app, ADMIN);
    let mut other = app.database.writer();
    other.run("lock table audit_log in access exclusive mode;");
    let page = visit.page("/console/");
    assert!(page.contains("Counting took too long."), "{page}");
    assert_eq!(figure(&page, "Users"), "1", "the other numbers are shown");
    other.run("commit;");
    assert!(!visit.page("/console/").contains("Counting took too long."));
}
