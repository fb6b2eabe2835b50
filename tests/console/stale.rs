//! A page shows one user, and its forms change that one, or nobody: somebody else may have the name by now.

use std::thread;

use serde_json::json;

use super::{ALICE, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App, Kind};
use crate::support::console::Visit;

type Fields = &'static [(&'static str, &'static str)];

/// Each form about alice: the page that has it, its path, and its other fields. `ID` is that of her token.
const FORMS: [(&str, &str, Fields); 10] = [
    ("/console/users/@alice", "/console/users/@alice/active", &[("is_active", "false")]),
    ("/console/users/@alice", "/console/users/@alice/regenerate", &[]),
    ("/console/users/@alice", "/console/users/@alice/tokens", &[("name", "n")]),
    ("/console/users/@alice", "/console/users/@alice/tokens/ID/revoke", &[]),
    ("/console/users/@alice/tokens/ID", "/console/users/@alice/tokens/ID", &[("to", "never")]),
    ("/console/users/@alice/account", "/console/users/@alice", &[("username", "alice"), ("last_name", "x")]),
    ("/console/users/@alice/account", "/console/users/@alice/password", &[("password", "another lantern in a fog")]),
    ("/console/users/@alice/account", "/console/users/@alice/password-link", &[("expires_in", "1h")]),
    ("/console/users/@alice/delete", "/console/users/@alice/delete", &[]),
    ("/console/groups/@night", "/console/groups/@night/remove", &[("username", "alice")]),
];

/// The forms of a page that are sent with `POST`, from their actions on.
fn forms(page: &str) -> Vec<&str> {
    let forms = page.split("<form").skip(1).filter_map(|rest| rest.split("</form>").next());
    forms.filter(|form| form.contains("method=\"post\"") && !form.contains("/console/sign-out")).collect()
}

fn id(app: &App, username: &str) -> String {
    app.database.sql(&format!("select id from users where username = '{username}'")).trim().to_owned()
}

/// A path, for the token that alice has.
fn of_token(path: &str, id: &str) -> String {
    path.replace("ID", id)
}

fn token(app: &App) -> String {
    app.database.sql("select max(id) from tokens").trim().to_owned()
}

/// Everything that a form could change.
fn state(app: &App) -> String {
    let log = "select count(*) from audit_log where action <> 'login'";
    let users = "select id, username, is_active, last_name, password from users order by id";
    [log, users, "select id, revoked_at, expires_at from tokens order by id", "select count(*) from user_groups"]
        .map(|query| app.database.sql(query))
        .join("\n")
}

fn with_alice(app: App) -> App {
    let app = with_people(app);
    app.command(&["user", "update", "alice", "--add-group", "night"]);
    app.login(ALICE.0, ALICE.1);
    app
}

on_both! {
    fn every_form_about_a_user_says_whom_it_means(db) {
        let app = with_alice(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        let field = format!("<input type=\"hidden\" name=\"user_id\" value=\"{}\">", id(&app, "alice"));
        let mut seen = 0;
        for page in ["", "/activity", "/account", "/delete", "/tokens/ID"] {
            let page = visit.page(&format!("/console/users/@alice{}", of_token(page, &token(&app))));
            for form in forms(&page) {
                assert!(form.contains(&field), "{form}");
                seen += 1;
            }
        }
        assert_eq!(seen, 12);
        let group = visit.page("/console/groups/@night");
        assert!(forms(&group)[0].contains(&field), "{group}");
        let bob = app.name_token(&app.login(ALICE.0, ALICE.1), &json!({"name": "n"}))["token"].as_str().unwrap().to_owned();
        for change in ["", "deactivate"] {
            if !change.is_empty() {
                app.command(&["user", change, "alice"]);
            }
            visit.page("/console/explain");
            let verdict = visit.post("/console/explain", &[("key", &bob)]).text();
            assert!(forms(&verdict)[0].contains(&field), "{verdict}");
        }
    }

    fn a_form_of_an_older_page_does_not_change_who_has_the_name_now(db) {
        let app = with_alice(App::start(db));
        let (old, token) = (id(&app, "alice"), token(&app));
        let mut visit = Visit::by(&app, ADMIN);
        let send = |visit: &mut Visit, status: u16| {
            let before = state(&app);
            for (page, path, fields) in FORMS {
                let (page, path) = (of_token(page, &token), of_token(path, &token));
                visit.get(&page);
                let fields: Vec<_> = [("user_id", old.as_str())].iter().chain(fields).copied().collect();
                let answer = visit.post(&path, &fields);
                assert_eq!(answer.status, status, "{path}: {answer:?}");
                assert!(status != 409 || answer.text().contains("Somebody changed this user meanwhile"), "{path}: {answer:?}");
            }
            assert_eq!(visit.get(&format!("/console/users/@alice/delete?user_id={old}")).status, status);
            assert_eq!(state(&app), before);
        };
        // Renamed, and nobody has the name.
        app.command(&["user", "update", "alice", "--rename", "alicia"]);
        visit.page("/console/users");
        send(&mut visit, 409);
        // Somebody else has it.
        app.create_user(ALICE.0, ALICE.1, &json!({"groups": ["night"]}));
        app.login(ALICE.0, ALICE.1);
        send(&mut visit, 409);
        // Deleted, and created again.
        app.command(&["user", "delete", "alicia", "--yes"]);
        send(&mut visit, 409);
        app.command(&["user", "delete", "alice", "--yes"]);
        send(&mut visit, 404);
    }

    fn forms_of_the_present_page_are_accepted(db) {
        for (page, path, fields) in FORMS {
            let app = with_alice(App::start(db));
            let alice = id(&app, "alice");
            let mut visit = Visit::by(&app, ADMIN);
            let (page, path) = (of_token(page, &token(&app)), of_token(path, &token(&app)));
            visit.page(&page);
            let fields: Vec<_> = [("user_id", alice.as_str())].iter().chain(fields).copied().collect();
            let answer = visit.post(&path, &fields);
            assert!([200, 303].contains(&answer.status), "{path}: {answer:?}");
        }
    }

    fn the_bulk_form_means_the_users_whom_it_named(db) {
        let app = with_alice(App::start(db));
        let alice = id(&app, "alice");
        let mut visit = Visit::by(&app, ADMIN);
        visit.page(&format!("/console/users/bulk?do=deactivate&user={alice}"));
        app.command(&["user", "update", "alice", "--rename", "alicia"]);
        app.create_user(ALICE.0, ALICE.1, &json!({}));
        visit.done("/console/users/bulk", &[("do", "deactivate"), ("user", &alice)]);
        let active = |name: &str| app.list(&format!("/admin/users/?search={name}")).remove(0)["is_active"].clone();
        assert_eq!((active("alicia"), active("alice")), (json!(false), json!(true)));
    }
}

#[test]
fn whoever_gets_the_name_while_the_form_waits_is_not_changed() {
    let app = with_people(App::start(Kind::Postgres));
    let old = id(&app, "alice");
    let mut visit = Visit::by(&app, ADMIN);
    visit.page("/console/users/@alice");
    let mut session = app.database.writer();
    session.run(
        "delete from users where username = 'alice'; \
         insert into users (id, username, password, email, first_name, last_name, is_active, is_staff, is_superuser, date_joined) \
         values (77, 'alice', '!', '', '', '', true, false, false, '2025-01-01 00:00:00');",
    );
    let answer = thread::scope(|scope| {
        let fields = [("user_id", old.as_str()), ("is_active", "false")];
        let answer = scope.spawn(move || visit.post("/console/users/@alice/active", &fields));
        app.database.wait_for_blocked(1);
        session.run("commit;");
        answer.join().unwrap()
    });
    assert_eq!(answer.status, 409, "{answer:?}");
    assert_eq!(app.database.sql("select is_active from users where id = 77"), "t");
}
