//! The pages of groups, and the choice of a user's groups.

use serde_json::json;

use super::{ALICE, STAFF, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::console::Visit;

fn with_groups(app: App) -> App {
    let app = with_people(app);
    app.create_user("bob", ALICE.1, &json!({"groups": ["billing", "reports"]}));
    app.create_user("eve", ALICE.1, &json!({"groups": ["billing"]}));
    app
}

on_both! {
    fn groups_are_listed_with_their_members(db) {
        let app = with_groups(App::start(db));
        let mut visit = Visit::by(&app, STAFF);
        let page = visit.page("/console/groups");
        let (billing, reports) = page.split_once("@reports").unwrap();
        assert!(billing.contains("<a href=\"/console/groups/@billing\">billing</a>") && billing.contains("<td data-label=\"Members\">2</td>"), "{page}");
        assert!(reports.contains("<td data-label=\"Members\">1</td>"), "{page}");
        let page = visit.page("/console/groups/@billing");
        assert!(page.contains(">bob</a>") && page.contains(">eve</a>") && !page.contains(">alice</a>"), "{page}");
        assert!(!page.contains(">Rename</button>") && page.contains("Only a superuser may rename or delete a group."), "{page}");
        assert_eq!(visit.post("/console/groups/@billing", &[("name", "x")]).status, 403);
        assert_eq!(visit.post("/console/groups/@billing/delete", &[]).status, 403);
        assert_eq!(visit.get("/console/groups/@nothing").status, 404);
    }

    fn a_renamed_group_keeps_its_members_and_tokens_say_the_new_name(db) {
        let app = with_groups(App::start(db));
        let key = app.login("bob", ALICE.1);
        assert_eq!(app.introspect(&key)["groups"], json!(["billing", "reports"]));
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/groups/@billing");
        let page = visit.done("/console/groups/@billing", &[("name", "accounts")]);
        assert!(page.contains("billing is now called accounts.") && page.contains(">bob</a>"), "{page}");
        assert_eq!(app.introspect(&key)["groups"], json!(["accounts", "reports"]), "at once");
        let entry = app.list("/admin/audit/?action=group.update").remove(0);
        assert_eq!((&entry["actor"], &entry["target"], &entry["details"]), (&json!("admin"), &json!("billing"), &json!({"name": "accounts"})));
        let taken = visit.post("/console/groups/@accounts", &[("name", "reports")]);
        assert_eq!(taken.status, 400);
        assert!(taken.text().contains("A group with that name already exists."), "{taken:?}");
        assert_eq!(visit.post("/console/groups/@accounts", &[("name", " ")]).status, 400);
        assert_eq!(visit.post("/console/groups/@billing", &[("name", "x")]).status, 404);
    }

    fn a_deleted_group_leaves_its_members(db) {
        let app = with_groups(App::start(db));
        let key = app.login("bob", ALICE.1);
        app.introspect(&key);
        let mut visit = Visit::by(&app, ADMIN);
        assert!(visit.page("/console/groups/@billing/delete").contains("Delete billing?"));
        let page = visit.done("/console/groups/@billing/delete", &[]);
        assert!(page.contains("billing was deleted.") && page.contains("@reports"), "{page}");
        assert_eq!(app.introspect(&key)["groups"], json!(["reports"]), "at once");
        let entry = app.list("/admin/audit/?action=group.delete").remove(0);
        assert_eq!((&entry["target"], &entry["details"]), (&json!("billing"), &json!({"members": 2})));
        assert_eq!(visit.post("/console/groups/@billing/delete", &[]).status, 404);
    }

    fn a_member_is_removed_from_one_group_only(db) {
        let app = with_groups(App::start(db));
        app.create_user("sten", ALICE.1, &json!({"is_staff": true, "groups": ["billing"]}));
        let mut visit = Visit::by(&app, STAFF);
        visit.page("/console/groups/@billing");
        let page = visit.done("/console/groups/@billing/remove", &[("username", "bob")]);
        assert!(page.contains("bob is no longer in billing."), "{page}");
        assert_eq!(app.list("/admin/users/?search=bob")[0]["groups"], json!(["reports"]));
        assert_eq!(visit.post("/console/groups/@billing/remove", &[("username", "sten")]).status, 403);
        assert_eq!(visit.post("/console/groups/@billing/remove", &[("username", "nobody")]).status, 404);
    }

    fn a_users_groups_are_chosen_from_the_existing_ones(db) {
        let app = with_groups(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        let page = visit.page("/console/users/@eve/account");
        assert!(page.contains("name=\"groups\" value=\"billing\" checked") && page.contains("name=\"groups\" value=\"reports\">"), "{page}");
        visit.done("/console/users/@eve", &[("username", "eve"), ("groups", "billing"), ("groups", "reports"), ("new_group", "night")]);
        assert_eq!(app.list("/admin/users/?search=eve")[0]["groups"], json!(["billing", "night", "reports"]));
        visit.done("/console/users/@eve", &[("username", "eve"), ("groups", "night")]);
        assert_eq!(app.list("/admin/users/?search=eve")[0]["groups"], json!(["night"]));
        let bad = visit.post("/console/users/@eve", &[("username", "eve"), ("new_group", &"x".repeat(151))]);
        assert_eq!(bad.status, 400);
        assert!(bad.text().contains("Ensure this field has no more than 150 characters."), "{bad:?}");
    }

    fn many_groups_are_not_all_offered(db) {
        let app = with_groups(App::start(db));
        let rows: Vec<String> = (0..300).map(|number| format!("('group{number:03}')")).collect();
        app.sql(&format!("insert into groups (name) values {}", rows.join(", ")));
        let mut visit = Visit::by(&app, ADMIN);
        let page = visit.page("/console/users/@bob/account");
        assert!(page.contains("Another group") && page.contains("value=\"reports\" checked"), "{page}");
        assert!(visit.page("/console/users").contains("<input id=\"group\""), "a field in place of a select");
        assert!(visit.page("/console/groups?page=2").contains("26–50 of 302"));
    }
}
