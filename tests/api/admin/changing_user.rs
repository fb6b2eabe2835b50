//! A request about a user whom others change again and again gets 503, and no answer that the user does not exist, that
//! the token is bad or that the password is wrong.

use serde_json::json;

use crate::on_both;
use crate::support::app::{App, Kind};
use crate::support::calls::ALICE;
use crate::support::http::{Answer, Request};

/// After this, a transaction that writes sees alice as inactive staff, as if somebody changed her after each read.
fn change_all_the_time(app: &App) {
    let writes = match &app.database.postgres {
        Some(_) => "pg_current_xact_id_if_assigned() is not null",
        None => "(select query_only = 0 from pragma_query_only)",
    };
    app.sql(&format!(
        "alter table users rename to people; \
         create view users as select id, username, password, email, first_name, last_name, \
         is_active and not (username = 'alice' and {writes}) as is_active, \
         is_staff or (username = 'alice' and {writes}) as is_staff, is_superuser, date_joined, last_login, external_id from people"
    ));
}

#[track_caller]
fn assert_refused(what: &str, answer: &Answer) {
    let sentence = json!({"detail": "This user is being changed by others, try again later."});
    assert_eq!((answer.status, answer.json()), (503, sentence), "{what}");
    assert_eq!(answer.header("Retry-After").as_deref(), Some("1"), "{what}");
}

fn changes_are_refused(db: Kind) {
    let app = App::start(db);
    let admin = app.admin_token();
    let alice = app.alice();
    let id = app.get("/me", &alice).json()["token"]["id"].clone();
    change_all_the_time(&app);
    let written = || app.database.sql("select (select count(*) from tokens), (select count(*) from audit_log)");
    let before = written();
    let user = "/admin/users/alice";
    let patch =
        |path: &str, key: &str| app.send(Request::new("PATCH", path).token(key).json(&json!({"first_name": "Alice"})));
    let password = json!({"password": "another quiet harbour"});
    assert_refused("update", &patch(user, &admin));
    assert_refused("delete", &app.delete(user, &admin));
    assert_refused("set-password", &app.post(&format!("{user}/password"), &admin, &password));
    assert_refused("regenerate", &app.post(&format!("{user}/regenerate"), &admin, &json!({})));
    assert_refused("create-token", &app.post(&format!("{user}/tokens/"), &admin, &json!({"name": "n"})));
    let end = Request::new("PATCH", &format!("/admin/tokens/{id}")).token(&admin).json(&json!({"expires_in": "1h"}));
    assert_refused("update-token", &app.send(end));
    assert_refused("revoke-token", &app.delete(&format!("/admin/tokens/{id}"), &admin));
    assert_refused("update-own", &patch("/me", &alice));
    assert_refused("create-own-token", &app.try_name_token(&alice, &json!({"name": "n"})));
    let own = json!({"old_password": ALICE.1, "new_password": "another quiet harbour"});
    assert_refused("change-own-password", &app.post("/me/password", &alice, &own));
    assert_eq!(written(), before);
    assert!(app.is_good(&alice));
}

on_both! {
    fn changes_of_a_user_who_keeps_changing_get_503(db) {
        changes_are_refused(db);
    }

    fn logins_of_a_user_who_keeps_changing_get_503(db) {
        let app = App::with(db, &[("JETON_TOKEN_MODE", "multiple")]);
        app.alice();
        change_all_the_time(&app);
        let before = app.database.sql("select count(*) from audit_log");
        assert_refused("login", &app.try_login(ALICE.0, ALICE.1));
        assert_eq!(app.database.sql("select count(*) from audit_log"), before, "no login was refused for a wrong password");
    }
}
