//! The filters and columns of the list of users, its CSV file, and the search among tokens.

use std::time::Duration;

use serde_json::json;

use super::{ALICE, STAFF, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::console::Visit;

/// The names of the users on a page, in its order.
fn names(page: &str) -> Vec<String> {
    let links = page.split("<th scope=\"row\" dir=\"auto\"><a href=\"").skip(1);
    links.map(|link| link.split_once("\">").unwrap().1.split('<').next().unwrap().to_owned()).collect()
}

on_both! {
    fn users_are_filtered_by_state_role_group_and_last_login(db) {
        let app = with_people(App::start(db));
        app.create_user("bob", ALICE.1, &json!({"groups": ["billing"], "is_active": false}));
        app.create_user("eve", ALICE.1, &json!({"groups": ["billing", "reports"]}));
        app.sql("update users set last_login = '2020-01-02 03:04:05' where username = 'eve'");
        app.sql("update users set last_login = '2025-01-02 03:04:05' where username = 'alice'");
        let mut visit = Visit::by(&app, ADMIN);
        app.sql("update users set last_login = '2025-06-01 03:04:05' where username = 'admin'");
        for (query, found) in [
            ("is_active=false", vec!["bob"]),
            ("is_active=true&group=billing", vec!["eve"]),
            ("role=staff", vec!["stella"]),
            ("role=superuser", vec!["admin"]),
            ("role=user", vec!["alice", "bob", "eve"]),
            ("group=billing", vec!["bob", "eve"]),
            ("group=nothing", vec![]),
            ("logins=never", vec!["stella", "bob"]),
            ("before=2024-01-01", vec!["eve"]),
            ("before=2024-01-01&logins=never", vec!["stella", "bob", "eve"]),
            ("before=2024-01-01&logins=never&ordering=last_login", vec!["stella", "bob", "eve"]),
            ("ordering=-last_login", vec!["admin", "alice", "eve", "bob", "stella"]),
            ("ordering=last_login", vec!["stella", "bob", "eve", "alice", "admin"]),
            ("search=e&role=user&is_active=true", vec!["eve"]),
        ] {
            assert_eq!(names(&visit.page(&format!("/console/users?{query}"))), found, "{query}");
        }
        let page = visit.page("/console/users?group=billing");
        assert!(page.contains("<option selected>billing</option>") && page.contains("Show all"), "{page}");
        let bad = visit.get("/console/users?before=soon");
        assert_eq!(bad.status, 400);
        assert!(bad.text().contains("Enter a date such as 2026-11-25."), "{bad:?}");
    }

    fn the_list_has_last_logins_and_numbers_of_live_tokens(db) {
        let app = with_people(App::start(db));
        let key = app.login(ALICE.0, ALICE.1);
        app.name_token(&key, &json!({"name": "n"}));
        app.name_token(&key, &json!({"name": "short", "expires_in": "1h"}));
        app.clock.advance(Duration::from_hours(2));
        app.sql("update users set last_login = '2020-01-02 03:04:05' where username = 'alice'");
        let page = Visit::by(&app, ADMIN).page("/console/users?search=alice");
        assert!(page.contains("<td data-label=\"Tokens\" class=\"count\">2</td>"), "{page}");
        assert!(page.contains("<td data-label=\"Last login\"><time datetime=\"2020-01-02T03:04:05Z\" data-day>2020-01-02</time></td>"), "{page}");
    }

    fn pages_are_linked_by_number_and_may_be_longer(db) {
        let app = App::start(db);
        let row = |number: i32| format!("({}, 'user{number:03}', '!', '2025-01-01 00:00:00')", 5_000 + number);
        let rows: Vec<String> = (0..300).map(row).collect();
        app.sql(&format!("insert into users (id, username, password, date_joined) values {}", rows.join(", ")));
        let mut visit = Visit::by(&app, ADMIN);
        let page = visit.page("/console/users?search=user&page=6");
        assert_eq!(names(&page)[0], "user125");
        for number in [1, 4, 5, 6, 7, 8, 12] {
            assert!(page.contains(&format!("aria-label=\"Page {number}\"")), "{number} in {page}");
        }
        assert!(page.contains("aria-current=\"page\" aria-label=\"Page 6\"") && !page.contains("Page 2\""), "{page}");
        assert_eq!(names(&visit.page("/console/users?search=user&rows=100&page=3")).len(), 100);
        assert_eq!(names(&visit.page("/console/users?search=user&rows=7")).len(), 25, "another number of rows is not offered");
        assert_eq!(visit.get("/console/users?search=user&rows=100&page=4").status, 404);
    }

    fn a_search_finds_users_and_tokens_by_id_and_first_characters(db) {
        let app = with_people(App::with(db, &[("JETON_TOKEN_PREFIX", "jt")]));
        let key = app.login(ALICE.0, ALICE.1);
        let id = app.tokens_of("alice")[0]["id"].to_string();
        let mut visit = Visit::by(&app, STAFF);
        let link = format!("<a href=\"/console/users/@alice/tokens/{id}\">{id}</a>");
        let start = &key[3..7];
        for search in [id.clone(), start.to_owned(), format!("{start}…"), key[..9].to_owned()] {
            let page = visit.page(&format!("/console/users?search={}", crate::support::http::encode(&search)));
            assert!(page.contains(&link) && page.contains(">accepted</span>"), "{search}: {page}");
        }
        let user = app.list("/admin/users/?search=alice").remove(0)["id"].to_string();
        assert!(names(&visit.page(&format!("/console/users?search={user}"))).contains(&"alice".to_owned()));
        app.regenerate("alice");
        assert!(visit.page(&format!("/console/users?search={start}")).contains(">revoked</span>"));
        let page = visit.page(&format!("/console/users?search={key}"));
        assert!(page.contains("This looks like a whole key."), "{page}");
        assert!(!visit.page("/console/users?search=alice").contains("found-tokens"));
    }

    fn the_csv_file_has_what_the_list_shows_and_no_formula(db) {
        let app = with_people(App::start(db));
        app.create_user("@bob", ALICE.1, &json!({"first_name": "=1+1", "last_name": "a \"b\", c", "groups": ["x", "y"]}));
        app.create_user("+eve", ALICE.1, &json!({"is_active": false}));
        app.login("@bob", ALICE.1);
        let mut visit = Visit::by(&app, STAFF);
        let page = visit.page("/console/users?is_active=true&search=bob&page=1");
        assert!(page.contains("href=\"/console/users.csv?is_active=true&#38;search=bob\""), "{page}");
        let answer = visit.get("/console/users.csv?is_active=true&search=bob");
        assert_eq!((answer.status, answer.headers_named("Cache-Control")), (200, vec!["no-store".into()]));
        assert_eq!(answer.header("Content-Type").as_deref(), Some("text/csv; charset=utf-8"));
        let file = answer.text();
        let lines: Vec<&str> = file.lines().collect();
        assert_eq!(lines.len(), 2, "{file}");
        assert!(lines[0].starts_with("\"id\",\"external_id\",\"username\""), "{file}");
        assert!(lines[1].contains("\"'@bob\",\"'=1+1\",\"a \"\"b\"\", c\",\"\",\"x; y\",\"true\",\"\""), "{file}");
        assert!(lines[1].ends_with(",\"1\""), "{file}");
        assert_eq!(visit.get("/console/users.csv").text().lines().count(), 1 + 5);
        assert_eq!(visit.get("/console/users.csv?before=soon").status, 400);
        assert_eq!(Visit::new(&app).get("/console/users.csv").status, 303);
    }
}
