//! A change and its audit entry are one transaction: neither is written without the other.

use serde_json::json;

use crate::on_both;
use crate::support::app::{App, Kind};
use crate::support::calls::ALICE;
use crate::support::http::{Answer, Request};

/// Makes every insert, update and delete of `table` fail.
fn break_table(app: &App, db: Kind, table: &str) {
    if db == Kind::Postgres {
        app.database.sql(&format!(
            "create function no() returns trigger language plpgsql as $$ begin raise exception 'broken'; end $$; \
             create trigger no before insert or update or delete on {table} for each row execute function no();"
        ));
        return;
    }
    for what in ["insert", "update", "delete"] {
        let sql = format!("create trigger no_{what} before {what} on {table} begin select raise(abort, 'broken'); end");
        app.database.sql(&sql);
    }
}

fn repair_table(app: &App, db: Kind, table: &str) {
    app.database.sql(&match db {
        Kind::Postgres => format!("drop trigger no on {table}; drop function no();"),
        Kind::Sqlite => ["insert", "update", "delete"].map(|what| format!("drop trigger no_{what};")).concat(),
    });
}

/// Everything that could change, except logins and token usage.
fn everything(app: &App) -> String {
    let users = "id, username, password, email, first_name, last_name, is_active, is_staff, is_superuser, date_joined";
    rows(app, "users", users)
        + &["user_groups", "audit_log"].map(|table| rows(app, table, "*")).concat()
        + &rows(app, "clients", "id, client_id, created_at, rotated_at")
        + &rows(app, "tokens", "id, user_id, name, scope, expires_at, revoked_at, revoked_by, sealed is null")
}

fn rows(app: &App, table: &str, columns: &str) -> String {
    app.database.sql(&format!("select {columns} from {table} order by 1, 2"))
}

type Change = (&'static str, fn(&App, &str, &str) -> Answer);

/// Changes over HTTP, each of which gets alice's login key and the admin's.
const CHANGES: [Change; 8] = [
    ("login.failed", |app, _, _| app.try_login(ALICE.0, "wrong")),
    ("token.create", |app, alice, _| app.try_name_token(alice, &json!({"name": "m"}))),
    ("token.create by staff", |app, _, admin| app.post("/admin/users/alice/tokens/", admin, &json!({"name": "m"}))),
    ("user.create", |app, _, admin| app.post("/admin/users/", admin, &json!({"username": "bob", "password": ALICE.1}))),
    ("token.regenerate", |app, _, admin| app.post("/admin/users/alice/regenerate", admin, &json!({}))),
    ("token.revoke", |app, alice, _| app.revoke(alice)),
    ("logout", |app, alice, _| app.send(Request::new("POST", "/logout/").token(alice))),
    ("logoutall", |app, alice, _| app.send(Request::new("POST", "/logoutall/").token(alice))),
];

on_both! {
    fn a_change_whose_audit_entry_fails_is_rolled_back(db) {
        let app = App::start(db);
        let (alice, admin) = (app.alice(), app.admin_token());
        app.create_user("new", ALICE.1, &json!({}));
        break_table(&app, db, "audit_log");
        let before = everything(&app);
        for (name, change) in CHANGES {
            let answer = change(&app, &alice, &admin);
            assert_eq!(answer.status, 500, "{name}: {}", answer.text());
            assert_eq!(everything(&app), before, "{name}");
        }
        assert_eq!(app.try_login("new", ALICE.1).status, 500);
        assert_eq!(app.try_login(ALICE.0, ALICE.1).status, 500, "no existing token is returned either");
        for arguments in [
            &["user", "deactivate", "alice"][..], &["user", "delete", "--yes", "alice"], &["client", "create", "c"],
            &["client", "rotate", "demo"], &["client", "delete", "--yes", "demo"], &["token", "create", "-r", "alice"],
        ] {
            let output = app.binary().run(arguments);
            assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{arguments:?}");
        }
        let set = ["user", "set-password", "--password-stdin", "alice"];
        assert_eq!(app.binary().run_with_stdin(&set, "a storm beyond the breakwater").status, 1);
        assert_eq!(everything(&app), before);
        repair_table(&app, db, "audit_log");
        assert!(app.is_good(&alice));
        for (name, change) in &CHANGES[..6] {
            let answer = change(&app, &alice, &admin);
            assert!(answer.status < 500, "{name}: {}", answer.text());
        }
    }

    fn a_change_that_fails_leaves_no_entry(db) {
        let app = App::start(db);
        let (alice, admin) = (app.alice(), app.admin_token());
        break_table(&app, db, "tokens");
        let before = everything(&app);
        for (name, change) in CHANGES.iter().filter(|(name, _)| !["login.failed", "user.create"].contains(name)) {
            let answer = change(&app, &alice, &admin);
            assert_eq!(answer.status, 500, "{name}: {}", answer.text());
            assert_eq!(everything(&app), before, "{name}");
        }
        repair_table(&app, db, "tokens");
        break_table(&app, db, "users");
        let answer = app.post("/admin/users/", &admin, &json!({"username": "bob", "password": ALICE.1}));
        assert_eq!(answer.status, 500, "{}", answer.text());
        assert_eq!(app.binary().run(&["user", "deactivate", "alice"]).status, 1);
        assert_eq!(app.binary().run(&["user", "delete", "--yes", "alice"]).status, 1);
        assert_eq!(everything(&app), before);
    }

    fn a_refused_change_leaves_no_entry(db) {
        let app = App::start(db);
        let (alice, admin) = (app.alice(), app.admin_token());
        let before = everything(&app);
        for (answer, status) in [
            (app.post("/admin/users/admin/regenerate", &alice, &json!({})), 403),
            (app.post("/admin/users/nobody/regenerate", &admin, &json!({})), 404),
            (app.post("/admin/users/alice/regenerate?grace=x", &admin, &json!({})), 400),
            (app.post("/tokens/", &alice, &json!({"name": ""})), 400),
            (app.delete("/admin/tokens/999999", &admin), 404),
            (app.post("/admin/users/", &admin, &json!({"username": "alice", "password": ALICE.1})), 400),
            (app.post("/admin/users/", &alice, &json!({"username": "bob", "password": ALICE.1})), 403),
            (app.revoke("unknown"), 200),
        ] {
            assert_eq!(answer.status, status, "{}", answer.text());
        }
        assert_eq!(app.binary().run(&["user", "deactivate", "admin"]).status, 1, "the last superuser");
        assert_eq!(app.binary().run(&["user", "deactivate", "nobody"]).status, 1);
        assert_eq!(everything(&app), before);
    }
}
