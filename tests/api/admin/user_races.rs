//! Staff change a user whom another transaction changes between the check of rights and the write.

use std::thread;

use serde_json::json;

use crate::support::app::{App, Kind};
use crate::support::calls::{ALICE, SAM};
use crate::support::http::Answer;

type Change = fn(&App, &str) -> Answer;

const CHANGES: [Change; 2] = [
    |app, staff| app.post("/admin/users/alice/regenerate", staff, &json!({})),
    |app, staff| app.post("/admin/users/alice/tokens/", staff, &json!({"name": "n"})),
];

/// Checks the answer to each change, if another session runs `statements` after the change has read alice.
fn answers_after(statements: &str, check: impl Fn(&App, &Answer)) {
    for change in CHANGES {
        let app = App::start(Kind::Postgres);
        app.create_user(SAM.0, SAM.1, &json!({"is_staff": true}));
        app.alice();
        let sam = app.login(SAM.0, SAM.1);
        let mut session = app.database.writer();
        session.run(statements);
        let answer = thread::scope(|scope| {
            let answer = scope.spawn(|| change(&app, &sam));
            app.database.wait_for_blocked(1);
            session.run("commit;");
            answer.join().unwrap()
        });
        check(&app, &answer);
    }
}

/// Deletes alice and her tokens.
const DELETED: &str = "delete from tokens where user_id = (select id from users where username = 'alice'); \
                       delete from users where username = 'alice';";

fn replaced_by(is_staff: bool) -> String {
    format!(
        "{DELETED} \
         insert into users (id, username, password, email, first_name, last_name, is_active, is_staff, is_superuser, date_joined) \
         values (77, 'alice', '!', '', '', '', true, {is_staff}, false, '2025-01-01 00:00:00');"
    )
}

/// The id of the user to whom the key in an answer belongs; `None` for a refusal.
fn owner(app: &App, answer: &Answer) -> Option<i64> {
    let token = answer.json()["token"].as_str()?.to_owned();
    app.introspect(&token)["user_id"].as_i64()
}

#[test]
fn rights_over_a_user_who_became_staff_meanwhile_are_checked_again() {
    answers_after("update users set is_staff = true where username = 'alice';", |app, answer| {
        assert_eq!(answer.status, 403, "{}", answer.text());
        assert_eq!(app.tokens_of(ALICE.0).len(), 1, "her tokens are unchanged");
    });
}

#[test]
fn rights_over_a_tokens_owner_are_checked_again() {
    let app = App::start(Kind::Postgres);
    app.create_user(SAM.0, SAM.1, &json!({"is_staff": true}));
    let key = app.alice();
    let path = format!("/admin/tokens/{}", app.tokens_of(ALICE.0)[0]["id"]);
    let sam = app.login(SAM.0, SAM.1);
    let mut session = app.database.writer();
    session.run("update users set is_staff = true where username = 'alice';");
    let answer = thread::scope(|scope| {
        let answer = scope.spawn(|| app.delete(&path, &sam));
        app.database.wait_for_blocked(1);
        session.run("commit;");
        answer.join().unwrap()
    });
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(app.is_good(&key));
}

#[test]
fn rights_over_a_new_user_of_the_same_name_are_checked_again() {
    answers_after(&replaced_by(true), |app, answer| {
        assert_eq!(answer.status, 403, "{}", answer.text());
        assert!(app.tokens_of(ALICE.0).is_empty());
    });
}

#[test]
fn the_change_applies_to_the_user_who_has_the_name_when_it_is_made() {
    answers_after(&replaced_by(false), |app, answer| assert_eq!(owner(app, answer), Some(77), "{}", answer.text()));
}

#[test]
fn a_user_deleted_meanwhile_is_not_found() {
    answers_after(DELETED, |_, answer| {
        assert_eq!(answer.status, 404, "{}", answer.text());
    });
}

#[test]
fn a_key_that_is_revoked_while_it_creates_a_token_creates_none() {
    let app = App::start(Kind::Postgres);
    let key = app.alice();
    let mut session = app.database.writer();
    session.run("update users set last_name = 'held' where username = 'alice';");
    let answer = thread::scope(|scope| {
        let answer = scope.spawn(|| app.try_name_token(&key, &json!({"name": "n"})));
        app.database.wait_for_blocked(1);
        session.run("update tokens set revoked_at = '2025-06-15 15:06:40'; commit;");
        answer.join().unwrap()
    });
    assert_eq!((answer.status, answer.json()), (401, json!({"detail": "Invalid token."})));
    assert_eq!(app.database.sql("select count(*) from tokens where name is not null"), "0");
}

#[test]
fn a_user_renamed_meanwhile_is_still_changed() {
    answers_after("update users set username = 'alicia' where username = 'alice';", |app, answer| {
        assert!(owner(app, answer).is_some(), "{}", answer.text());
        assert_eq!(
            app.list("/admin/audit/")[1]["target"],
            "alicia",
            "the newest entry is the admin's login, and this one is before it"
        );
    });
}
