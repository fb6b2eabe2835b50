//! Actions for many users at once.

use serde_json::json;

use super::{ALICE, STAFF, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::console::Visit;

fn id(app: &App, username: &str) -> String {
    app.database.sql(&format!("select id from users where username = '{username}'")).trim().to_owned()
}

fn with_many(app: App) -> App {
    let app = with_people(app);
    for name in ["bob", "eve"] {
        app.create_user(name, ALICE.1, &json!({"groups": ["old"]}));
    }
    app
}

on_both! {
    fn users_are_deactivated_after_a_question(db) {
        let app = with_many(App::start(db));
        let [bob, eve, admin] = ["bob", "eve", "admin"].map(|name| id(&app, name));
        let mut visit = Visit::by(&app, STAFF);
        let page = visit.page(&format!("/console/users/bulk?do=deactivate&user={bob}&user={eve}&user={admin}"));
        assert!(page.contains(">bob</a>") && page.contains(">eve</a>") && !page.contains(">admin</a>"), "{page}");
        assert!(page.contains("1 left out"), "{page}");
        let active = "select count(*) from users where is_active";
        assert_eq!(app.database.sql(active).trim(), "5", "the question alone changes nothing");
        let fields = [("do", "deactivate"), ("user", bob.as_str()), ("user", &eve), ("user", &admin)];
        let sent = visit.form_token.clone();
        let page = visit.done("/console/users/bulk", &fields);
        assert!(page.contains("2 users were deactivated.") && page.contains("Not changed: admin ("), "{page}");
        assert_eq!(app.database.sql(active).trim(), "3");
        let entries = app.list("/admin/audit/?action=user.update&actor=stella");
        assert_eq!(entries.len(), 2);
        visit.form_token = sent;
        assert_eq!(visit.post("/console/users/bulk", &fields).status, 409, "a form is used once");
    }

    fn all_tokens_of_users_are_revoked(db) {
        let app = with_many(App::start(db));
        let key = app.login("bob", ALICE.1);
        let named = app.name_token(&key, &json!({"name": "n"}))["token"].as_str().unwrap().to_owned();
        let other = app.login("eve", ALICE.1);
        let mut visit = Visit::by(&app, STAFF);
        let bob = id(&app, "bob");
        visit.page(&format!("/console/users/bulk?do=revoke&user={bob}"));
        let page = visit.done("/console/users/bulk", &[("do", "revoke"), ("user", &bob)]);
        assert!(page.contains("1 user was left without a live token."), "{page}");
        assert!(!app.is_good(&key) && !app.is_good(&named) && app.is_good(&other));
        let entry = app.list("/admin/audit/?action=token.revoke").remove(0);
        assert_eq!((&entry["target"], &entry["details"]), (&json!("bob"), &json!({"all_tokens": 2})));
    }

    fn users_are_added_to_a_group_that_exists_or_is_new(db) {
        let app = with_many(App::start(db));
        let [bob, eve] = ["bob", "eve"].map(|name| id(&app, name));
        let mut visit = Visit::by(&app, ADMIN);
        let page = visit.page(&format!("/console/users/bulk?do=group&user={bob}&user={eve}"));
        assert!(page.contains("<option>old</option>"), "{page}");
        visit.done("/console/users/bulk", &[("do", "group"), ("user", &bob), ("user", &eve), ("new_group", "night")]);
        let groups = |name: &str| app.list(&format!("/admin/users/?search={name}")).remove(0)["groups"].clone();
        assert_eq!((groups("bob"), groups("eve")), (json!(["night", "old"]), json!(["night", "old"])));
        let alice = id(&app, "alice");
        visit.page(&format!("/console/users/bulk?do=group&user={alice}"));
        visit.done("/console/users/bulk", &[("do", "group"), ("user", &alice), ("group", "old")]);
        assert_eq!(groups("alice"), json!(["old"]));
        let bad = visit.post("/console/users/bulk", &[("do", "group"), ("user", &alice), ("group", ""), ("new_group", " ")]);
        assert_eq!(bad.status, 400);
        assert!(bad.text().contains("This field may not be blank."), "{bad:?}");
    }

    fn a_bulk_form_that_says_nothing_is_refused(db) {
        let app = with_many(App::start(db));
        let mut visit = Visit::by(&app, STAFF);
        visit.page("/console/users");
        let [admin, bob] = ["admin", "bob"].map(|name| id(&app, name));
        for query in ["", "do=deactivate", "do=x&user=1", "do=deactivate&user=x", &format!("do=deactivate&user={admin}")] {
            assert_eq!(visit.get(&format!("/console/users/bulk?{query}")).status, 400, "{query}");
        }
        assert_eq!(visit.post("/console/users/bulk", &[("do", "deactivate")]).status, 400);
        visit.form_token = "x".into();
        assert_eq!(visit.post("/console/users/bulk", &[("do", "deactivate"), ("user", &bob)]).status, 403);
        assert_eq!(app.database.sql("select count(*) from users where not is_active").trim(), "0");
    }

    fn all_users_that_match_are_changed_after_a_question_that_names_them(db) {
        let app = with_many(App::start(db));
        for number in 0..30 {
            app.sql(&format!("insert into users (id, username, password, date_joined) values ({}, 'temp{number}', '', '2025-06-15 10:00:00')", 700 + number));
        }
        app.sql("update users set email = 'x@temp.example' where username like 'temp%' or username in ('admin', 'stella')");
        let mut stella = Visit::by(&app, STAFF);
        assert!(!stella.page("/console/users").contains("that match"), "not for a list of all users");
        let page = stella.page("/console/users?search=temp.example&is_active=true");
        assert!(page.contains("> All 32 that match</label>"), "{page}");
        assert!(page.contains("<input type=\"hidden\" name=\"search\" value=\"temp.example\">"), "{page}");
        assert!(!stella.page("/console/users?search=temp.example&rows=100").contains("that match"), "all are on the page");

        let question = "/console/users/bulk?all=matching&search=temp.example&is_active=true&do=deactivate";
        let page = stella.page(question);
        assert!(page.contains("<h1>Deactivate these 30 users?</h1>"), "{page}");
        assert!(page.contains("2 left out, because only a superuser may change staff and superusers: <bdi>stella</bdi>, <bdi>admin</bdi>."), "{page}");
        let mut admin = Visit::by(&app, ADMIN);
        let page = admin.page(question);
        assert!(page.contains("<h1>Deactivate these 31 users?</h1>"), "{page}");
        assert!(page.contains("1 left out, because superusers are selected one by one: <bdi>admin</bdi>."), "{page}");

        let ids: Vec<&str> = page.split("name=\"user\" value=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(ids.len(), 31);
        app.create_user("temp-late", ALICE.1, &json!({"email": "late@temp.example"}));
        let fields: Vec<(&str, &str)> = std::iter::once(("do", "deactivate")).chain(ids.into_iter().map(|id| ("user", id))).collect();
        assert!(admin.done("/console/users/bulk", &fields).contains("31 users were deactivated."));
        assert_eq!(app.database.sql("select count(*) from users where not is_active").trim(), "31");
        assert_eq!(app.list("/admin/users/?search=temp-late")[0]["is_active"], true, "only those whom the question named");
        assert_eq!(app.list("/admin/users/?search=admin")[0]["is_active"], true);
    }

    fn more_users_than_can_be_named_are_not_changed_at_once(db) {
        let app = with_many(App::start(db));
        let row = |number: i32| format!("({}, 'temp{number}', '', '2025-06-15 10:00:00')", 700 + number);
        let rows: Vec<String> = (0..501).map(row).collect();
        app.sql(&format!("insert into users (id, username, password, date_joined) values {}", rows.join(", ")));
        let mut visit = Visit::by(&app, ADMIN);
        assert!(!visit.page("/console/users?search=temp").contains("that match"));
        let answer = visit.get("/console/users/bulk?all=matching&search=temp&do=deactivate");
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains("At most 500 users can be changed at once."), "{answer:?}");
        assert_eq!(visit.get("/console/users/bulk?all=matching&before=x&do=deactivate").status, 400);
    }

    fn a_users_own_page_leads_to_the_end_of_all_their_tokens(db) {
        let app = with_many(App::start(db));
        let key = app.login("bob", ALICE.1);
        let mut visit = Visit::by(&app, STAFF);
        let page = visit.page("/console/users/@bob");
        let link = format!("/console/users/bulk?do=revoke&user={}", id(&app, "bob"));
        assert!(page.contains(&format!("<a href=\"{}\">Revoke all tokens</a>", link.replace('&', "&amp;"))), "{page}");
        let page = visit.page(&link);
        assert!(page.contains("Revoke all tokens of this user?") && page.contains("<a href=\"/console/users/@bob\">Cancel</a>"), "{page}");
        let page = visit.done("/console/users/bulk", &[("do", "revoke"), ("user", &id(&app, "bob"))]);
        assert!(page.contains("<h1 dir=\"auto\">bob</h1>") && !page.contains("Revoke all tokens"), "{page}");
        assert!(!app.is_good(&key));
        app.admin_token();
        assert!(!visit.page("/console/users/@admin").contains("Revoke all tokens"), "staff may not change a superuser");
    }

    fn the_last_superuser_stays_active(db) {
        let app = with_many(App::start(db));
        let [admin, bob] = ["admin", "bob"].map(|name| id(&app, name));
        let mut visit = Visit::by(&app, ADMIN);
        visit.page(&format!("/console/users/bulk?do=deactivate&user={admin}&user={bob}"));
        let page = visit.done("/console/users/bulk", &[("do", "deactivate"), ("user", &admin), ("user", &bob)]);
        assert!(page.contains("1 user was deactivated.") && page.contains("The last active superuser cannot be removed."), "{page}");
    }
}
