//! `GET /admin/users/`: pages, search, filters, and who may read the list.

use std::time::Duration;

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{App, CLIENT, Kind};
use crate::support::calls::PASSWORD;
use crate::support::eventually;
use crate::support::http::{Answer, Request, encode};

fn get(app: &App, query: &str) -> Answer {
    app.send(Request::new("GET", &format!("/admin/users/{query}")).token(&app.admin_token()))
}

fn names(page: &Value) -> Vec<&str> {
    page["results"].as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect()
}

/// Inserts five hundred users directly into the database.
fn fill(app: &App) {
    app.database.sql(
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 500) \
         insert into users (id, username, password, date_joined) \
         select 1000 + i, 'user' || (1000 + i), '!', '2025-01-01 00:00:00' from n",
    );
}

on_both! {
    fn a_page_has_absolute_links_to_the_next_and_the_previous_page(db) {
        let app = App::start(db);
        for name in ["carol", "alice", "bob"] {
            app.create_user(name, PASSWORD, &json!({}));
        }
        let base = format!("http://{}/admin/users/", app.addr);
        for (query, next, previous, expected) in [
            ("", None, None, vec!["carol", "alice", "bob", "admin"]),
            ("?page=1", None, None, vec!["carol", "alice", "bob", "admin"]),
            ("?page_size=4", None, None, vec!["carol", "alice", "bob", "admin"]),
            ("?page_size=3", Some("?page=2&page_size=3"), None, vec!["carol", "alice", "bob"]),
            ("?page=2&page_size=3", None, Some("?page_size=3"), vec!["admin"]),
            ("?page=2&page_size=1", Some("?page=3&page_size=1"), Some("?page_size=1"), vec!["alice"]),
            ("?page=3&page_size=1", Some("?page=4&page_size=1"), Some("?page=2&page_size=1"), vec!["bob"]),
            ("?page=last&page_size=3", None, Some("?page_size=3"), vec!["admin"]),
            ("?page=last&page_size=2", None, Some("?page_size=2"), vec!["bob", "admin"]),
            ("?page=last", None, None, vec!["carol", "alice", "bob", "admin"]),
            ("?page_size=2&x=%26%3D%C3%A9", Some("?page=2&page_size=2&x=%26%3D%C3%A9"), None, vec!["carol", "alice"]),
        ] {
            let answer = get(&app, query);
            assert_eq!(answer.status, 200, "{query}");
            let page = answer.json();
            assert_eq!(page.as_object().unwrap().keys().collect::<Vec<_>>(), ["count", "next", "previous", "results"]);
            assert_eq!((page["count"].as_i64(), names(&page)), (Some(4), expected), "{query}");
            let link = |query: Option<&str>| query.map_or(Value::Null, |query| json!(format!("{base}{query}")));
            assert_eq!((&page["next"], &page["previous"]), (&link(next), &link(previous)), "{query}");
        }
        // The path may have no slash at the end, and the links have the host name that the request names.
        let request = Request::new("GET", "/admin/users?page_size=1").header("Host", "tokens.example.com");
        let page = app.send(request.token(&app.admin_token())).json();
        assert_eq!(page["next"], "http://tokens.example.com/admin/users?page=2&page_size=1");
    }

    fn links_of_pages_are_quoted_and_ordered_as_drfs(db) {
        let app = App::start(db);
        app.create_user("alice", PASSWORD, &json!({}));
        for (query, next) in [
            ("page_size=1&x=b&x=a", "page=2&page_size=1&x=b&x=a"),
            ("x=c%20d&page_size=1&search=+", "page=2&page_size=1&search=+&x=c+d"),
            ("page_size=1&x=a-._~%2B/:", "page=2&page_size=1&x=a-._~%2B%2F%3A"),
        ] {
            let page = get(&app, &format!("?{query}")).json();
            assert_eq!(page["next"], format!("http://{}/admin/users/?{next}", app.addr), "{query}");
        }
    }

    fn a_page_that_does_not_exist_is_404_and_a_bad_size_becomes_the_default(db) {
        let app = App::start(db);
        fill(&app);
        for page in ["0", "-1", "99", "x", "Last", "1.5", "%00", "4294967296", "99999999999999999999", "1;drop", "%D9%A1x"] {
            let answer = get(&app, &format!("?page={page}"));
            assert_eq!((answer.status, answer.json()), (404, json!({"detail": "Invalid page."})), "{page}");
        }
        for (query, length) in [
            ("", 100), ("?page_size=0", 100), ("?page_size=-5", 100), ("?page_size=x", 100), ("?page_size=", 100),
            ("?page_size=99999999999999999999", 100), ("?page_size=500", 500), ("?page_size=501", 500),
            ("?page_size=4294967295", 500), ("?page_size=2&page_size=7", 7), ("?page=6", 1), ("?page=2&page_size=500", 1),
            ("?page=", 100),
        ] {
            let answer = get(&app, query);
            assert_eq!(answer.status, 200, "{query}: {answer:?}");
            assert_eq!(names(&answer.json()).len(), length, "{query}");
            assert_eq!(answer.json()["count"], 501);
        }
        assert_eq!(get(&app, "?page=7").status, 404);
        assert_eq!(get(&app, "?page=last&search=nobody").json()["results"], json!([]), "the only page of an empty list");
        assert_eq!(get(&app, "?search=nobody").json(), json!({"count": 0, "next": null, "previous": null, "results": []}));
    }

    fn a_search_finds_users_whose_names_or_addresses_have_all_its_words(db) {
        let app = App::start(db);
        for (name, fields) in [
            ("alice", json!({"email": "a.smith@example.com", "first_name": "Alice", "last_name": "Smith"})),
            ("bob_100", json!({"email": "bob@example.org", "first_name": "Robert"})),
            ("bobx100", json!({"last_name": "O'Hara \\ %"})),
            ("Éric", json!({"first_name": "ÉRIC", "last_name": "Ångström"})),
        ] {
            app.create_user(name, PASSWORD, &fields);
        }
        for (search, expected) in [
            ("alice", vec!["alice"]),
            ("ALICE", vec!["alice"]),
            ("smith example", vec!["alice"]),
            ("  smith \t alice ", vec!["alice"]),
            ("smith bob", vec![]),
            ("bob", vec!["bob_100", "bobx100"]),
            ("bob_", vec!["bob_100"]),
            ("%", vec!["bobx100"]),
            ("\\", vec!["bobx100"]),
            ("o'hara", vec!["bobx100"]),
            ("@example.", vec!["alice", "bob_100"]),
            ("Éric", vec!["Éric"]),
            ("éric", vec!["Éric"]),
            ("ÅNGSTRÖM", vec!["Éric"]),
            ("", vec!["alice", "bob_100", "bobx100", "Éric", "admin"]),
            (" ", vec!["alice", "bob_100", "bobx100", "Éric", "admin"]),
            ("a\0", vec![]),
            ("' or 1=1 --", vec![]),
        ] {
            let answer = get(&app, &format!("?search={}", encode(search)));
            assert_eq!(answer.status, 200, "{search}");
            assert_eq!(names(&answer.json()), expected, "{search}");
        }
        assert_eq!(get(&app, "?search=%ff%fe").status, 200);
        let words: String = "a+".repeat(5000);
        assert!(get(&app, &format!("?search={words}")).status < 500);
    }

    fn lists_are_filtered_and_ordered(db) {
        let app = App::start(db);
        for (name, fields) in [
            ("carol", json!({"groups": ["ops", "billing"]})),
            ("alice", json!({"is_staff": true, "groups": ["ops"]})),
            ("bob", json!({"is_active": false})),
        ] {
            app.create_user(name, PASSWORD, &fields);
        }
        app.database.sql("update users set date_joined = '2020-01-01 00:00:00' where username = 'bob'");
        for (query, expected) in [
            ("is_active=false", vec!["bob"]),
            ("is_active=True", vec!["carol", "alice", "admin"]),
            ("is_staff=1", vec!["alice", "admin"]),
            ("is_staff=0&is_active=yes", vec!["carol"]),
            ("is_superuser=true", vec!["admin"]),
            ("is_superuser=false", vec!["carol", "alice", "bob"]),
            ("is_active=", vec!["carol", "alice", "bob", "admin"]),
            ("group=ops", vec!["carol", "alice"]),
            ("group=ops&search=AL", vec!["alice"]),
            ("group=OPS", vec![]),
            ("group=a%00b", vec![]),
            ("ordering=-id", vec!["admin", "bob", "alice", "carol"]),
            ("ordering=username", vec!["admin", "alice", "bob", "carol"]),
            ("ordering=-username", vec!["carol", "bob", "alice", "admin"]),
            ("ordering=date_joined&search=b", vec!["bob"]),
            ("ordering=password", vec!["carol", "alice", "bob", "admin"]),
        ] {
            assert_eq!(names(&get(&app, &format!("?{query}")).json()), expected, "{query}");
        }
        assert_eq!(names(&get(&app, "?ordering=date_joined").json())[0], "bob");
        assert_eq!(names(&get(&app, "?ordering=-date_joined").json())[3], "bob");
        let page = get(&app, "?is_active=true&page_size=2&ordering=-username").json();
        let next = format!("http://{}/admin/users/?is_active=true&ordering=-username&page=2&page_size=2", app.addr);
        assert_eq!((&page["count"], &page["next"]), (&json!(3), &json!(next)));
        let answer = get(&app, "?is_active=x&is_staff=null&is_superuser=0");
        let fault = json!(["Must be a valid boolean."]);
        assert_eq!((answer.status, answer.json()), (400, json!({"is_active": fault, "is_staff": fault})));
    }

    fn users_are_shown_to_staff_only_and_without_their_hashes(db) {
        let app = App::start(db);
        let made = app.create_user("plain", PASSWORD, &json!({"email": "p@example.com", "groups": ["b", "a"]}));
        app.create_user("staff", PASSWORD, &json!({"is_staff": true}));
        let (plain, staff) = (app.login("plain", PASSWORD), app.login("staff", PASSWORD));
        let list = || Request::new("GET", "/admin/users/");
        let missing = json!({"detail": "Authentication credentials were not provided."});
        for (request, status, body) in [
            (list(), 401, missing.clone()),
            (list().basic(CLIENT.0, CLIENT.1), 401, missing),
            (list().token("unknown"), 401, json!({"detail": "Invalid token."})),
            (list().token(&plain), 403, json!({"detail": "You do not have permission to perform this action."})),
        ] {
            let answer = app.send(request);
            assert_eq!((answer.status, answer.json()), (status, body));
            assert_eq!(answer.header("WWW-Authenticate").as_deref(), (status == 401).then_some("Token"));
        }
        let answer = app.send(list().token(&staff));
        let mut listed = answer.json()["results"][0].clone();
        // The login above may have set this field by now.
        listed["last_login"] = Value::Null;
        assert_eq!((answer.status, listed), (200, made.clone()));
        assert_eq!(made.to_string(), "{\"id\":1,\"external_id\":null,\"username\":\"plain\",\"email\":\"p@example.com\",\"first_name\":\"\",\
            \"last_name\":\"\",\"is_active\":true,\"is_staff\":false,\"is_superuser\":false,\"groups\":[\"a\",\"b\"],\
            \"date_joined\":\"2025-06-15T15:06:40.123456Z\",\"last_login\":null}");
        assert!(!answer.text().contains("argon2") && !answer.text().contains("password"), "{}", answer.text());
        assert_eq!(app.send(Request::new("HEAD", "/admin/users/").token(&staff)).status, 200);
        for method in ["PUT", "PATCH", "DELETE"] {
            let answer = app.send(Request::new(method, "/admin/users/").token(&staff));
            assert_eq!((answer.status, answer.header("Allow").as_deref()), (405, Some("GET, POST, HEAD, OPTIONS")));
        }
    }
}

// SQLite has no index for searches, because it is meant for few users.
#[test]
fn a_search_among_many_users_uses_an_index() {
    let app = App::start(Kind::Postgres);
    fill(&app);
    app.database.sql(
        "insert into users (id, username, password, email, date_joined) \
         select 10000 + i, 'many' || i, '!', 'm' || i || '@example.com', now() from generate_series(1, 20000) i; \
         analyze users",
    );
    eventually("a scan of the index", Duration::from_secs(30), || {
        assert_eq!(get(&app, "?search=MANY12345").json()["count"], 1);
        let scans = "select idx_scan from pg_stat_user_indexes where indexrelname = 'users_search'";
        (app.database.sql(scans) != "0").then_some(())
    });
}
