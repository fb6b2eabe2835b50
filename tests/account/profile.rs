//! A user's own record, and what they may change of it.

use serde_json::json;

use super::{ALICE, with_people};
use crate::on_both;
use crate::support::app::App;
use crate::support::console::Visit;

on_both! {
    fn users_change_their_own_name_and_nothing_else(db) {
        let app = with_people(App::start(db));
        app.sql("update users set email = 'alice@example.com' where username = 'alice'");
        let mut visit = Visit::at_account(&app, ALICE);
        assert!(visit.page("/account/profile").contains("alice@example.com"));
        let fields = [("first_name", "Alice"), ("last_name", "Liddell"), ("email", "x@example.com"), ("username", "x"), ("is_staff", "true")];
        let page = visit.done("/account/profile", &fields);
        assert!(page.contains("Saved.") && page.contains("value=\"Liddell\""), "{page}");
        let row = "select first_name, last_name, email, username, is_staff from users where first_name = 'Alice'";
        let row = app.sql(row).replace("|f", "|0");
        assert_eq!(row, "Alice|Liddell|alice@example.com|alice|0");
        let entry = &app.list("/admin/audit/?action=user.update")[0];
        assert_eq!((&entry["actor"], &entry["details"]), (&json!("alice"), &json!({"first_name": "Alice", "last_name": "Liddell"})));
        let long = visit.post("/account/profile", &[("first_name", &"x".repeat(151)), ("last_name", "")]);
        assert!(long.status == 400 && long.text().contains("no more than 150 characters."), "{long:?}");
    }

    fn profile_fields_says_what_users_may_change(db) {
        let app = with_people(App::with(db, &[("JETON_PROFILE_FIELDS", "last_name")]));
        let mut visit = Visit::at_account(&app, ALICE);
        assert!(!visit.page("/account/profile").contains("name=\"first_name\""));
        visit.done("/account/profile", &[("first_name", "Alice"), ("last_name", "Liddell")]);
        assert_eq!(app.sql("select first_name || '|' || last_name from users where username = 'alice'"), "|Liddell");
        let none = with_people(App::with(db, &[("JETON_PROFILE_FIELDS", "none")]));
        let mut visit = Visit::at_account(&none, ALICE);
        assert!(!visit.page("/account/profile").contains(">Save</button>"));
        assert_eq!(visit.post("/account/profile", &[("last_name", "x")]).status, 404);
    }

    fn saving_an_unchanged_form_changes_nothing(db) {
        let app = with_people(App::start(db));
        app.sql("update users set first_name = ' Al\nice ' where username = 'alice'");
        let mut visit = Visit::at_account(&app, ALICE);
        visit.page("/account/profile");
        visit.done("/account/profile", &[("first_name", "Alice"), ("last_name", "")]);
        assert_eq!(app.list("/admin/audit/?action=user.update").len(), 0);
    }
}
