//! The audit log's page.

use std::time::Duration;

use super::{ALICE, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::console::Visit;

/// `action target` of each line.
fn lines(page: &str) -> Vec<String> {
    let rows = page.split("<tr>").skip(2);
    let cell = |row: &str, label: &str| {
        let (_, rest) = row.split_once(&format!("<td data-label=\"{label}\">")).unwrap();
        let (cell, _) = rest.split_once("</td>").unwrap();
        cell.split(['<', '>']).filter(|word| !word.contains('"') && !word.contains('/')).collect::<String>()
    };
    rows.map(|row| format!("{} {}", cell(row, "Action").replace("span", ""), cell(row, "Target"))).collect()
}

on_both! {
    fn entries_are_shown_newest_first_and_filtered(db) {
        let app = with_people(App::start(db));
        app.clock.advance(Duration::from_hours(24));
        app.try_login(ALICE.0, "wrong");
        let mut visit = Visit::by(&app, ADMIN);
        let all = lines(&visit.page("/console/audit"));
        assert_eq!(all[..2], ["login admin", "login refused alice"], "{all:?}");
        assert_eq!(lines(&visit.page("/console/audit?action=user.create")), ["user created alice", "user created stella", "user created admin"]);
        assert_eq!(lines(&visit.page("/console/audit?actor=admin&target=alice")), ["user created alice"]);
        assert_eq!(lines(&visit.page("/console/audit?since=2025-06-16")), ["login admin", "login refused alice"]);
        assert_eq!(lines(&visit.page("/console/audit?until=2025-06-15")).len(), all.len() - 2, "`until` includes its day");
        assert_eq!(lines(&visit.page("/console/audit?until=2025-06-14")).len(), 0);
        let none = visit.page("/console/audit?actor=nobody");
        assert!(none.contains("No entry matches.") && none.contains("value=\"nobody\""), "{none}");
        let chosen = visit.page("/console/audit?action=login.failed");
        assert!(chosen.contains("<option value=\"login.failed\" selected>login refused</option>"));
        let answer = visit.get("/console/audit?since=yesterday");
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains("id=\"since-note\"><strong class=\"fault\">Enter a date such as 2026-11-25.</strong>"));
    }

    fn times_in_details_are_shown_as_times_and_claimed_names_as_claimed(db) {
        let app = with_people(App::start(db));
        app.login(ALICE.0, ALICE.1);
        app.try_login(ALICE.0, "wrong");
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@alice");
        visit.post("/console/users/@alice/regenerate", &[("grace", "15m")]);
        let page = visit.page("/console/audit?action=token.regenerate");
        let time = "<time datetime=\"2025-06-15T15:21:40.123456Z\">2025-06-15 15:21 UTC</time>";
        assert!(page.contains(&format!("grace until</span> {time}")), "{page}");
        visit.page("/console/users/@alice");
        visit.post("/console/users/@alice/regenerate", &[]);
        assert!(visit.page("/console/audit?action=token.regenerate").contains("grace until</span> none<"));
        let claimed = "<span class=\"muted\">claimed to be</span> <a href=\"/console/users/@alice\" dir=\"auto\">alice</a>";
        assert!(visit.page("/console/audit?action=login.failed").contains(claimed));
        assert!(visit.page("/console/users/@alice/activity?show=logins").contains(claimed));
        assert!(!visit.page("/console/audit?action=login").contains("claimed to be"), "a login proves who it is");
    }

    fn entries_are_found_by_their_address_and_by_a_part_of_a_name(db) {
        let app = with_people(App::start(db));
        app.try_login(ALICE.0, "wrong");
        app.try_login("Žofie 100%_a\\b", "wrong");
        let mut visit = Visit::by(&app, ADMIN);
        let mut found = |query: &str| lines(&visit.page(&format!("/console/audit?action=login.failed&{query}")));
        assert_eq!(found("address=127.0.0.1").len(), 2);
        assert_eq!(found("address=127.0.0.2"), [""; 0]);
        for (text, is_found) in [("LIC", true), ("li%25e", false), ("l_c", false), ("alice", true), ("alicea", false)] {
            assert_eq!(found(&format!("contains={text}")) == ["login refused alice"], is_found, "{text}");
        }
        for text in ["%C5%BDof", "%C5%BEOF", "zof", "100%25_", "%25_A%5Cb", "OFIE"] {
            let lines = found(&format!("contains={text}"));
            assert!(lines.len() == 1 && lines[0].contains("100%_a"), "{text}: {lines:?}");
        }
        assert!(visit.page("/console/audit?contains=x").contains("Of the newest 20,000 entries."));
        assert!(!visit.page("/console/audit").contains("Of the newest"));
    }

    fn the_days_of_a_filter_are_those_of_the_readers_time_zone(db) {
        let app = with_people(App::start(db));
        // 15:06 UTC.
        app.try_login(ALICE.0, "wrong");
        let mut visit = Visit::by(&app, ADMIN);
        let mut is_found = |query: &str| !lines(&visit.page(&format!("/console/audit?action=login.failed&{query}"))).is_empty();
        // In a zone nine hours ahead it was already the 16th.
        for (query, expected) in [
            ("since=2025-06-16", false),
            ("since=2025-06-16&since_zone=540", true),
            ("since=2025-06-16&since_zone=530", false),
            ("until=2025-06-15", true),
            ("until=2025-06-15&until_zone=540", false),
            ("until=2025-06-14&until_zone=-900", false),
            ("until=2025-06-14&until_zone=-960", true),
            ("until=9999-12-31", true),
            ("until=9999-12-31&until_zone=-960", true),
            ("until=9999-12-31&until_zone=960", true),
            ("since=9999-12-31&since_zone=-960", false),
            ("since=0000-01-01&since_zone=960", true),
            ("since=2025-06-16&since_zone=x", false),
            ("since=2025-06-16&since_zone=99999999999", false),
        ] {
            assert_eq!(is_found(query), expected, "{query}");
        }
    }

    fn names_link_to_the_pages_of_their_users(db) {
        let app = with_people(App::start(db));
        app.try_login(ALICE.0, "wrong");
        let mut visit = Visit::by(&app, ADMIN);
        assert!(visit.page("/console/audit?action=user.create&target=alice").contains("href=\"/console/users/@alice\""));
        app.try_login("nobody", "wrong");
        let page = visit.page("/console/audit?action=login.failed");
        assert_eq!(page.matches("href=\"/console/users/@alice\"").count(), 2, "a wrong password is that of a user: {page}");
        assert!(page.contains(">nobody</span>") && !page.contains("/console/users/@nobody"), "{page}");
        assert!(visit.page("/console/users/@alice/activity").contains("href=\"/console/audit?target=alice\""));
    }

    fn the_tokens_that_were_revoked_together_are_named(db) {
        let app = with_people(App::start(db));
        for name in ["ci", "nightly"] {
            app.command(&["token", "create", "alice", "--name", name]);
        }
        let ids = app.database.sql("select id from tokens where name is not null order by id").replace('\n', ", ");
        app.command(&["token", "revoke", "--user", "alice", "--yes"]);
        let page = Visit::by(&app, ADMIN).page("/console/audit?action=token.revoke");
        assert!(page.contains(&format!("<span class=\"muted\">tokens</span> {ids}</span>")), "{ids}: {page}");
    }

    fn details_are_in_plain_words(db) {
        let app = with_people(App::start(db));
        app.sql("insert into audit_log (at, actor, action, target, details) values \
            ('2025-06-15 23:00:00', 'admin', 'user.update', 'alice', '{\"is_staff\":true,\"is_active\":false,\"groups\":[],\"email\":\"\"}'), \
            ('2025-06-15 23:00:01', 'admin', 'token.update', 'alice', '{\"token\":7,\"expires_at\":\"2025-07-01T08:30:00Z\"}'), \
            ('2025-06-15 23:00:02', 'alice', 'login.failed', 'alice', '{\"reason\":\"throttled\"}')");
        let page = Visit::by(&app, ADMIN).page("/console/audit?target=alice");
        let said = |name: &str, value: &str| page.contains(&format!("<span class=\"muted\">{name}</span> {value}</span>"));
        assert!(said("staff", "yes") && said("active", "no") && said("groups", "none") && said("email", "none"), "{page}");
        assert!(said("expires at", "<time datetime=\"2025-07-01T08:30:00Z\">2025-07-01 08:30 UTC</time>"), "{page}");
        assert!(said("reason", "too many failed attempts before it; the password was not checked"), "{page}");
    }

    fn a_former_name_is_told_in_plain_words(db) {
        let app = with_people(App::start(db));
        app.command(&["user", "update", "alice", "--rename", "alicia"]);
        let page = Visit::by(&app, ADMIN).page("/console/audit?target=alicia");
        assert!(page.contains("<span class=\"muted\">renamed from</span> alice</span>"), "{page}");
    }

    fn long_logs_have_pages(db) {
        let app = App::start(db);
        for _ in 0..30 {
            app.try_login("nobody", "x");
        }
        let mut visit = Visit::by(&app, ADMIN);
        let first = visit.page("/console/audit?target=nobody");
        assert!(first.contains("1–25 of 30") && first.contains("?target=nobody&#38;page=2"), "{first}");
        assert_eq!(lines(&visit.page("/console/audit?target=nobody&page=2")).len(), 5);
    }
}
