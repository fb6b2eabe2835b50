//! `last_login`: noted at each successful login and written later, at most once a minute per user.

use std::time::Duration;

use jeton::domain::time::Clock;
use serde_json::{Value, json};

use crate::commands::{PASSWORD, create_client, create_user, done, introspect, json_of, login, migrated, try_login};
use crate::on_both;
use crate::support::app::{ADMIN, App, Kind, TestDatabase};
use crate::support::calls::{ALICE, MICRO, short_of};
use crate::support::console::Visit;
use crate::support::eventually;

const LIMIT: Duration = Duration::from_secs(10);
const START: &str = "2025-06-15T15:06:40.123456Z";

fn last_login(app: &App, username: &str) -> Value {
    let answer = app.get(&format!("/admin/users/{username}"), &app.admin_token());
    answer.json()["last_login"].clone()
}

fn wait_until_written(app: &App, username: &str, moment: &str) {
    eventually(moment, LIMIT, || (last_login(app, username) == moment).then_some(()));
}

/// Waits until everything noted before is written: another user logs in, and that login is written last.
fn wait_for_flush(app: &App, another: &str) {
    app.create_user(another, ALICE.1, &json!({}));
    app.login(another, ALICE.1);
    eventually("a flush", LIMIT, || last_login(app, another).is_string().then_some(()));
}

on_both! {
    fn a_login_is_noted_in_both_modes_and_shown(db) {
        for mode in ["single", "multiple"] {
            let app = App::with(db, &[("JETON_TOKEN_MODE", mode)]);
            app.create_user(ALICE.0, ALICE.1, &json!({}));
            assert_eq!(last_login(&app, ALICE.0), json!(null), "created, and never logged in");
            let key = app.login(ALICE.0, ALICE.1);
            wait_until_written(&app, ALICE.0, START);
            assert_eq!(app.get("/me", &key).json()["last_login"], START);
            // A login that returns an existing key counts too.
            app.clock.advance(Duration::from_hours(1));
            app.login(ALICE.0, ALICE.1);
            wait_until_written(&app, ALICE.0, "2025-06-15T16:06:40.123456Z");
        }
    }

    fn a_console_sign_in_counts_as_a_login(db) {
        let app = App::start(db);
        Visit::by(&app, ADMIN);
        eventually(START, LIMIT, || {
            let last = app.database.sql("select last_login from users where username = 'admin'");
            last.starts_with("2025-06-15 15:06:40.123456").then_some(())
        });
    }

    fn refused_logins_and_keys_created_by_staff_are_not_noted(db) {
        let app = App::start(db);
        app.create_user(ALICE.0, ALICE.1, &json!({}));
        app.create_user("ina", ALICE.1, &json!({"is_active": false}));
        assert_eq!(app.try_login(ALICE.0, "wrong").status, 400);
        assert_eq!(app.try_login("ina", ALICE.1).status, 400);
        app.regenerate(ALICE.0);
        app.command(&["token", "create", ALICE.0]);
        wait_for_flush(&app, "bob");
        assert_eq!((last_login(&app, ALICE.0), last_login(&app, "ina")), (json!(null), json!(null)));
    }

    fn last_login_is_written_at_most_once_a_minute_and_never_set_back(db) {
        let app = App::start(db);
        app.alice();
        wait_until_written(&app, ALICE.0, START);
        let early = App::on(app.database.clone(), Clock::fixed(app.clock.now()), &[]);
        app.clock.advance(short_of(Duration::from_mins(1)));
        app.login(ALICE.0, ALICE.1);
        wait_for_flush(&app, "bob");
        assert_eq!(last_login(&app, ALICE.0), START);
        app.clock.advance(MICRO);
        app.login(ALICE.0, ALICE.1);
        wait_until_written(&app, ALICE.0, "2025-06-15T15:07:40.123456Z");
        app.clock.advance(Duration::from_hours(1));
        app.login(ALICE.0, ALICE.1);
        wait_until_written(&app, ALICE.0, "2025-06-15T16:07:40.123456Z");
        early.login(ALICE.0, ALICE.1);
        drop(early); // writes what it has noted
        assert_eq!(last_login(&app, ALICE.0), "2025-06-15T16:07:40.123456Z");
    }

    fn an_imported_last_login_is_kept_until_the_next_login(db) {
        let app = App::start(db);
        app.create_user(ALICE.0, ALICE.1, &json!({}));
        app.sql("update users set last_login = '2020-01-02 03:04:05' where username = 'alice'");
        assert_eq!(last_login(&app, ALICE.0), "2020-01-02T03:04:05Z");
        app.login(ALICE.0, ALICE.1);
        wait_until_written(&app, ALICE.0, START);
    }

    fn writing_last_login_does_not_invalidate_cached_answers(db) {
        let app = App::start(db);
        let key = app.alice();
        wait_until_written(&app, ALICE.0, START);
        app.clock.advance(Duration::from_mins(2));
        app.introspect(&key);
        app.wait_until_synced();
        let (hits, misses) = (app.count("jeton_cache_hits_total"), app.count("jeton_cache_misses_total"));
        app.introspect(&key);
        assert_eq!(app.count("jeton_cache_hits_total"), hits + 1);
        app.login(ALICE.0, ALICE.1);
        wait_until_written(&app, ALICE.0, "2025-06-15T15:08:40.123456Z");
        app.wait_until_synced();
        app.introspect(&key);
        assert_eq!(app.count("jeton_cache_hits_total"), hits + 2);
        assert_eq!(app.count("jeton_cache_misses_total"), misses);
    }

    fn a_stopping_server_writes_the_last_login_that_it_has_noted(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "alice", &[]);
        let serving = jeton.serve();
        assert_eq!(try_login(&serving, "alice", PASSWORD).status, 200);
        serving.signal("TERM");
        assert!(serving.wait(Duration::from_secs(20)).success(), "{serving:?}");
        let alice = json_of(&done(&jeton, &["user", "show", "--json", "alice"]));
        assert!(alice["last_login"].is_string(), "{alice}");
    }

    fn a_stopping_server_writes_last_logins_even_if_the_usage_of_tokens_cannot_be_written(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "alice", &[]);
        create_user(&jeton, "bob", &[]);
        let client = create_client(&jeton, "billing");
        let serving = jeton.serve();
        let key = login(&serving, "alice");
        database.sql(if database.postgres.is_some() {
            "create function no() returns trigger language plpgsql as $$ begin raise exception 'broken'; end $$; \
             create trigger no before update on tokens for each row execute function no();"
        } else {
            "create trigger no before update on tokens begin select raise(abort, 'broken'); end"
        });
        assert_eq!(introspect(&serving, &client, &key)["active"], true);
        assert_eq!(try_login(&serving, "bob", PASSWORD).status, 200);
        serving.signal("TERM");
        assert!(serving.wait(Duration::from_secs(20)).success(), "{serving:?}");
        assert!(serving.stderr().contains("were lost at shutdown"), "{}", serving.stderr());
        let bob = json_of(&done(&jeton, &["user", "show", "--json", "bob"]));
        assert!(bob["last_login"].is_string(), "{bob}");
    }
}

#[test]
fn a_locked_user_row_does_not_delay_other_rows_and_is_written_when_it_is_unlocked() {
    let app = App::start(Kind::Postgres);
    for name in ["alice", "bob"] {
        app.create_user(name, ALICE.1, &json!({}));
        app.login(name, ALICE.1);
        wait_until_written(&app, name, START);
    }
    app.clock.advance(Duration::from_mins(5));
    let mut session = app.database.writer();
    session.run("select 1 from users where username = 'alice' for update;");
    app.login("alice", ALICE.1);
    app.login("bob", ALICE.1);
    let later = "2025-06-15T15:11:40.123456Z";
    wait_until_written(&app, "bob", later);
    assert_eq!(last_login(&app, "alice"), START);
    session.run("commit;");
    wait_until_written(&app, "alice", later);
}
