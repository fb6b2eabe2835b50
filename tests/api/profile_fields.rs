//! Every field of a profile, wherever users are created, imported, shown and changed. The list of fields is the
//! domain's, so a new field is tested here automatically.

use std::collections::BTreeMap;

use jeton::domain::profile::ProfileField;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{ADMIN, App, Kind, TestDatabase};
use crate::support::calls::ALICE;
use crate::support::console::Visit;
use crate::support::http::Request;

type Texts = BTreeMap<&'static str, String>;

/// A value for each field; with `again`, a different one.
fn texts(again: bool) -> Texts {
    let text = |field: ProfileField| if again { field.example().replace('e', "o") } else { field.example().to_owned() };
    ProfileField::ALL.into_iter().map(|field| (field.name(), text(field))).collect()
}

#[track_caller]
fn assert_has(shown: &Value, texts: &Texts, place: &str) {
    for (name, text) in texts {
        assert_eq!(shown[name], json!(text), "{name}: {place}");
    }
}

fn shown(app: &App, username: &str) -> Value {
    app.get(&format!("/admin/users/{username}"), &app.admin_token()).json()
}

on_both! {
    fn all_fields_are_created_changed_shown_and_in_the_audit_log(db) {
        let app = App::start(db);
        let (first, second, admin) = (texts(false), texts(true), app.admin_token());
        assert_has(&app.create_user(ALICE.0, ALICE.1, &json!(first)), &first, "created");
        assert_has(&app.get("/me", &app.login(ALICE.0, ALICE.1)).json(), &first, "/me");
        let patched = app.send(Request::new("PATCH", "/admin/users/alice").token(&admin).json(&json!(second)));
        assert_has(&patched.json(), &second, "changed");
        assert_has(&shown(&app, "alice"), &second, "shown");
        let entry = app.list("/admin/audit/?action=user.update").remove(0);
        assert_eq!(entry["details"], json!(second), "the audit log has these fields and no others");
        for field in ProfileField::ALL {
            let long = json!({field.name(): "x".repeat(field.max_chars() + 1)});
            let refused = app.send(Request::new("PATCH", "/admin/users/alice").token(&admin).json(&long));
            assert_eq!(refused.status, 400, "{field:?} has a limit");
        }
    }

    fn all_fields_are_in_the_console_s_forms(db) {
        let app = App::start(db);
        let (first, second) = (texts(false), texts(true));
        let mut visit = Visit::by(&app, ADMIN);
        let form = |texts: &Texts| -> Vec<(&'static str, String)> {
            let names = [("username", ALICE.0.to_owned()), ("password", ALICE.1.to_owned())];
            names.into_iter().chain(texts.iter().map(|(name, text)| (*name, text.clone()))).collect()
        };
        let send = |visit: &mut Visit<'_>, path: &str, texts: &Texts| {
            let form = form(texts);
            let fields: Vec<(&str, &str)> = form.iter().map(|(name, text)| (*name, text.as_str())).collect();
            visit.done(path, &fields)
        };
        visit.page("/console/users/new");
        send(&mut visit, "/console/users/new", &first);
        assert_has(&shown(&app, "alice"), &first, "created by a form");
        let page = visit.page("/console/users/@alice/account");
        for (name, text) in &first {
            assert!(page.contains(&format!("name=\"{name}\" type=\"text\" value=\"{text}\"")), "{name}: {page}");
        }
        send(&mut visit, "/console/users/@alice", &second);
        assert_has(&shown(&app, "alice"), &second, "changed by a form");
        for (name, text) in &first {
            let page = visit.page("/console/users/@alice/account");
            let (_, edition) = page.split_once("name=\"edition\" value=\"").unwrap();
            let back = Request::new("PATCH", "/admin/users/alice").token(&app.admin_token());
            assert_eq!(app.send(back.json(&json!({ *name: text }))).status, 200);
            let form = [("username", "alice"), ("edition", edition.split('"').next().unwrap())];
            assert_eq!(visit.post("/console/users/@alice", &form).status, 409, "{name}: a form with an old edition is refused");
        }
    }

    fn all_fields_are_imported_from_csv_and_from_django(db) {
        let app = App::start(db);
        let first = texts(false);
        let names: Vec<&str> = first.keys().copied().collect();
        let values: Vec<&str> = first.values().map(String::as_str).collect();
        let csv = format!("username,{}\ncarol,{}\n", names.join(","), values.join(","));
        let output = app.binary().run_with_stdin(&["import", "csv", "--from", "-"], &csv);
        assert_eq!(output.status, 0, "{output:?}");
        assert_has(&shown(&app, "carol"), &first, "from a CSV file");

        let source = TestDatabase::new(db);
        let columns: String = names.iter().map(|name| format!(", {name} text")).collect();
        source.sql(&format!(
            "create table people (id integer primary key, username text, password text{columns}); \
             insert into people (id, username, password, {}) values (7, 'dave', '!', '{}')",
            names.join(", "),
            values.join("', '"),
        ));
        app.command(&["import", "django", "--from", &source.url, "--user-table", "people"]);
        assert_has(&shown(&app, "dave"), &first, "from Django");
    }
}

#[test]
fn all_fields_may_be_in_the_login_answer_and_are_in_the_openapi_document() {
    let first = texts(false);
    let fields = first.keys().copied().collect::<Vec<_>>().join(",");
    let app = App::with(Kind::Sqlite, &[("JETON_LOGIN_FIELDS", &fields)]);
    app.create_user(ALICE.0, ALICE.1, &json!(first));
    assert_has(&app.try_login(ALICE.0, ALICE.1).json(), &first, "a login");
    let document = jeton::http::document();
    let json = "requestBody/content/application~1json/schema/properties";
    for place in [
        "/components/schemas/User/properties".to_owned(),
        format!("/paths/~1admin~1users~1/post/{json}"),
        format!("/paths/~1admin~1users~1{{username}}/patch/{json}"),
        "/paths/~1api-token-auth~1/post/responses/200/content/application~1json/schema/properties".to_owned(),
    ] {
        let properties = document.pointer(&place).unwrap_or_else(|| panic!("there is no {place}"));
        for name in first.keys() {
            assert_eq!(properties[name]["type"], json!("string"), "{name}: {place}");
        }
    }
    for field in ProfileField::OWN {
        let place = format!("/paths/~1me/patch/{json}/{}", field.name());
        assert!(document.pointer(&place).is_some(), "there is no {place}");
    }
}
