//! `/admin/audit/` and `jeton audit`: reading the audit log.

use std::time::Duration;

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{App, Kind};
use crate::support::calls::SAM;
use crate::support::http::Request;

/// An app where five logins failed, a second apart, from 15:06:41.123456 on: u1 to u5.
fn with_failures(db: Kind) -> App {
    let app = App::start(db);
    for number in 1..=5 {
        app.clock.advance(Duration::from_secs(1));
        assert_eq!(app.try_login(&format!("u{number}"), "wrong").status, 400);
    }
    app
}

fn targets(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["target"].as_str().unwrap()).collect()
}

on_both! {
    fn the_newest_entries_come_first_in_pages(db) {
        let app = with_failures(db);
        let admin = app.admin_token();
        let query = "/admin/audit/?action=login.failed&page_size=2";
        let first = app.get(query, &admin).json();
        assert_eq!((&first["count"], targets(first["results"].as_array().unwrap())), (&json!(5), vec!["u5", "u4"]));
        let next = format!("http://{}/admin/audit/?action=login.failed&page=2&page_size=2", app.addr);
        assert_eq!((&first["next"], &first["previous"]), (&json!(next), &json!(null)));
        let last = app.get(&format!("{query}&page=3"), &admin).json();
        assert_eq!((targets(last["results"].as_array().unwrap()), &last["next"]), (vec!["u1"], &json!(null)));
        assert_eq!(app.get(&format!("{query}&page=4"), &admin).status, 404);
    }

    fn an_entry_must_match_all_filters(db) {
        let app = with_failures(db);
        let key = app.alice();
        app.name_token(&key, &json!({"name": "n"}));
        let found = |query: &str| app.list(&format!("/admin/audit/?{query}")).len();
        assert_eq!(found("action=login.failed&actor=u2"), 1);
        assert_eq!(found("action=login.failed&target=u2"), 1);
        assert_eq!(found("action=login&target=u2"), 0);
        assert_eq!(found("actor=admin&target=alice"), 1, "user.create");
        assert_eq!(found("actor=alice"), 2, "login and token.create");
        assert_eq!(found("actor=nobody"), 0);
        assert_eq!(found("action=login.fail"), 0, "a part of an action does not match");
        assert_eq!(found("target=a%00b"), 0);
        assert_eq!(found("action=login.failed&actor="), 5, "an empty filter is ignored");
    }

    fn since_is_inclusive_and_until_is_exclusive(db) {
        let app = with_failures(db);
        let found = |query: &str| {
            let entries = app.list(&format!("/admin/audit/?action=login.failed&{query}"));
            targets(&entries).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(found("since=2025-06-15T15:06:43.123456Z"), ["u5", "u4", "u3"]);
        assert_eq!(found("since=2025-06-15T15:06:43.123457Z"), ["u5", "u4"]);
        assert_eq!(found("until=2025-06-15T15:06:43.123456Z"), ["u2", "u1"]);
        assert_eq!(found("until=2025-06-15T15:06:43.123457Z"), ["u3", "u2", "u1"]);
        let both = "since=2025-06-15T15:06:42.123456Z&until=2025-06-15T15:06:44.123456Z";
        assert_eq!(found(both), ["u3", "u2"]);
        assert_eq!(found("since=2025-06-15T17:06:43.123456%2B02:00"), ["u5", "u4", "u3"]);
        assert_eq!((found("since=2025-06-15").len(), found("since=2025-06-16").len()), (5, 0));
        assert_eq!((found("until=2025-06-15").len(), found("until=2025-06-16").len()), (0, 5));
    }

    fn a_bad_time_is_reported_with_its_parameter(db) {
        let app = App::start(db);
        let sentence = json!(["Enter a date/time such as 2026-11-23T08:00:00Z, or a date."]);
        for (query, expected) in [
            ("since=yesterday", json!({ "since": sentence })),
            ("until=2025-02-30", json!({ "until": sentence })),
            ("since=1&until=12025-01-01T00:00:00Z", json!({"since": sentence, "until": sentence})),
        ] {
            let answer = app.get(&format!("/admin/audit/?{query}"), &app.admin_token());
            assert_eq!((answer.status, answer.json()), (400, expected), "{query}");
        }
    }

    fn only_staff_may_read_the_audit_log(db) {
        let app = App::start(db);
        let key = app.alice();
        assert_eq!(app.get("/admin/audit/", &key).status, 403);
        assert_eq!(app.send(Request::new("GET", "/admin/audit/")).status, 401);
        app.create_user(SAM.0, SAM.1, &json!({"is_staff": true}));
        assert_eq!(app.get("/admin/audit/", &app.login(SAM.0, SAM.1)).status, 200);
    }

    fn the_command_prints_the_same_entries_as_http(db) {
        let app = with_failures(db);
        let listed = json!(app.list("/admin/audit/?action=login.failed"));
        let command = |arguments: &[&str]| app.command(&[&["audit"], arguments].concat());
        let parsed = |arguments: &[&str]| serde_json::from_str::<Value>(&command(arguments)).unwrap();
        assert_eq!(parsed(&["--json", "--action", "login.failed"]), listed);
        let two = parsed(&["--json", "--action", "login.failed", "--limit", "2"]);
        assert_eq!(targets(two.as_array().unwrap()), ["u5", "u4"]);
        let between = ["--json", "--since", "2025-06-15T15:06:43.123456Z", "--until", "2025-06-15T15:06:45.123456Z"];
        assert_eq!(targets(parsed(&between).as_array().unwrap()), ["u4", "u3"]);
        assert_eq!(targets(parsed(&["--json", "--actor", "u2"]).as_array().unwrap()), ["u2"]);
        assert_eq!(targets(parsed(&["--json", "--target", "u2"]).as_array().unwrap()), ["u2"]);
        let table = command(&["--action", "login.failed"]);
        assert_eq!(table.lines().count(), 6, "{table}");
        assert!(table.lines().nth(1).unwrap().contains("2025-06-15T15:06:45.123456Z"), "{table}");
        let bad = app.binary().run(&["audit", "--since", "yesterday"]);
        assert_eq!((bad.status, bad.stdout.as_str()), (2, ""));
        assert!(bad.stderr.contains("--since"), "{}", bad.stderr);
    }

    fn the_command_prints_more_than_a_page(db) {
        let app = App::start(db);
        let numbers = if db == Kind::Postgres {
            "generate_series(1, 1234) as n"
        } else {
            "(with recursive s(n) as (select 1 union all select n + 1 from s where n < 1234) select n from s)"
        };
        app.database.sql(&format!(
            "insert into audit_log (at, actor, action, target) select '2025-06-15 12:00:00', 'x', 'login', 'u' || n from {numbers}"
        ));
        let printed = app.command(&["audit", "--json", "--actor", "x", "--limit", "1200"]);
        let entries: Vec<Value> = serde_json::from_str(&printed).unwrap();
        let expected: Vec<String> = (35..=1234).rev().map(|number| format!("u{number}")).collect();
        assert_eq!(targets(&entries), expected);
        let all = app.command(&["audit", "--json", "--actor", "x", "--limit", "2000"]);
        assert_eq!(serde_json::from_str::<Vec<Value>>(&all).unwrap().len(), 1234);
    }

    fn text_from_clients_cannot_forge_lines(db) {
        let app = App::start(db);
        let name = "eve\n2025-01-01T00:00:00Z  root  user.delete\u{1b}[2J\u{9b}1m\u{202e}x";
        assert_eq!(app.try_login(name, "wrong").status, 400);
        let table = app.command(&["audit", "--action", "login.failed"]);
        assert_eq!(table.lines().count(), 2, "{table:?}");
        assert!(!table.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{table:?}");
        let shown = "eve\\n2025-01-01T00:00:00Z  root  user.delete\\u{1b}[2J\\u{9b}1m\\u{202e}x";
        assert!(table.contains(shown), "{table}");
        let key = app.alice();
        app.name_token(&key, &json!({"name": "a\u{1b}b\tc"}));
        assert!(app.command(&["token", "list", "alice"]).contains("a\\u{1b}b\\tc"));
        app.create_user("bob", "a lantern over the quay", &json!({"first_name": "a\nb", "groups": ["g\u{7}h"]}));
        assert!(app.command(&["user", "list"]).contains("g\\u{7}h"));
        assert!(app.command(&["user", "show", "bob"]).contains("a\\nb"));
    }
}
