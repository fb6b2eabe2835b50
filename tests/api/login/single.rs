//! `POST /api-token-auth/` in single mode: one key a user; and expiry and more fields, in both modes.

use std::collections::HashSet;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::{PASSWORD, assert_answer, holding, with_alice};
use crate::on_both;
use crate::support::app::App;

/// How many of alice's tokens are live in the database, and how many of all are sealed.
pub fn live_and_sealed(app: &App) -> (String, String) {
    let live =
        "select count(*) from tokens join users on users.id = user_id where username = 'alice' and revoked_at is null";
    (app.database.sql(live), app.database.sql("select count(*) from tokens where sealed is not null"))
}

/// The keys of `count` logins that begin at the same moment, spread over `apps`.
pub fn keys_of_logins_at_once(apps: &[&App], count: usize) -> Vec<String> {
    let barrier = Barrier::new(count);
    let login = |number: usize| {
        barrier.wait();
        apps[number % apps.len()].login("alice", PASSWORD)
    };
    thread::scope(|scope| {
        let login = &login;
        let logins: Vec<_> = (0..count).map(|number| scope.spawn(move || login(number))).collect();
        logins.into_iter().map(|login| login.join().unwrap()).collect()
    })
}

on_both! {
    fn each_login_gives_the_same_key(db) {
        let app = with_alice(db, &[]);
        let key = app.login("alice", PASSWORD);
        for _ in 0..3 {
            assert_answer(&app.try_login("alice", PASSWORD), 200, &holding(&key), "again");
        }
        assert_eq!(app.node(&[]).login("alice", PASSWORD), key, "another node");
        assert_eq!(app.introspect(&key)["username"], "alice");
        app.create_user("bob", PASSWORD, &json!({}));
        assert_ne!(app.login("bob", PASSWORD), key);
        assert_eq!(live_and_sealed(&app).0, "1");
    }

    fn twenty_first_logins_at_once_get_one_key(db) {
        let app = with_alice(db, &[]);
        let other = app.node(&[]);
        let keys = keys_of_logins_at_once(&[&app, &other], 20);
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 1, "{keys:?}");
        assert_eq!(live_and_sealed(&app).0, "1");
        assert_eq!(app.introspect(&keys[0])["active"], true);
    }

    fn logins_return_the_regenerated_key(db) {
        let app = with_alice(db, &[]);
        let old = app.login("alice", PASSWORD);
        let new = app.regenerate("alice");
        assert_ne!(old, new);
        assert_answer(&app.try_login("alice", PASSWORD), 200, &holding(&new), "after regenerate");
    }

    fn the_key_itself_is_not_in_the_database(db) {
        let app = with_alice(db, &[]);
        let key = app.login("alice", PASSWORD);
        let hex = key.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let column = |name: &str| if app.database.postgres.is_some() { format!("encode({name}, 'hex')") } else { format!("lower(hex({name}))") };
        let rows = app.database.sql(&format!("select {}, {} from tokens where sealed is not null", column("sealed"), column("digest")));
        assert!(rows.len() > 128, "{rows}");
        assert!(!rows.contains(&key) && !rows.contains(&hex), "{rows}");
    }

    fn an_expired_key_is_replaced_at_the_next_login(db) {
        let app = with_alice(db, &[("JETON_TOKEN_TTL", "1h")]);
        let first = app.try_login("alice", PASSWORD);
        let key = first.json()["token"].as_str().unwrap().to_owned();
        let expected = format!("{{\"expiry\":\"2025-06-15T16:06:40.123456Z\",\"token\":\"{key}\"}}");
        assert_answer(&first, 200, &expected, "the first login");
        app.clock.advance(Duration::from_mins(59));
        assert_answer(&app.try_login("alice", PASSWORD), 200, &expected, "a minute before the end");
        app.clock.advance(Duration::from_mins(1));
        assert_eq!(app.introspect(&key), json!({"active": false}));
        let second = app.try_login("alice", PASSWORD);
        let new = second.json()["token"].as_str().unwrap().to_owned();
        assert_ne!(new, key);
        let expected = format!("{{\"expiry\":\"2025-06-15T17:06:40.123456Z\",\"token\":\"{new}\"}}");
        assert_answer(&second, 200, &expected, "after the end");
        assert_eq!(app.introspect(&new)["active"], true);
        assert_answer(&app.try_login("alice", PASSWORD), 200, &expected, "again");
    }

    fn without_a_ttl_a_key_never_expires(db) {
        let app = with_alice(db, &[]);
        let key = app.login("alice", PASSWORD);
        app.clock.advance(Duration::from_hours(24 * 365 * 50));
        assert_answer(&app.try_login("alice", PASSWORD), 200, &holding(&key), "fifty years later");
        assert_eq!(app.introspect(&key)["active"], true);
    }

    fn more_fields_are_in_the_order_of_the_setting(db) {
        let app = App::with(db, &[("JETON_LOGIN_FIELDS", "user_id,email")]);
        let user = app.create_user("alice", PASSWORD, &json!({"email": "alice@example.com", "groups": ["billing"]}));
        let id = user["id"].as_i64().unwrap();
        let key = app.login("alice", PASSWORD);
        let expected = format!("{{\"token\":\"{key}\",\"user_id\":{id},\"email\":\"alice@example.com\"}}");
        assert_answer(&app.try_login("alice", PASSWORD), 200, &expected, "user_id,email");
        let fields = "groups,username,is_superuser,is_staff,last_name,first_name";
        let node = app.node(&[("JETON_LOGIN_FIELDS", fields), ("JETON_TOKEN_TTL", "1h")]);
        let expected = format!(
            "{{\"token\":\"{key}\",\"groups\":[\"billing\"],\"username\":\"alice\",\"is_superuser\":false,\
             \"is_staff\":false,\"last_name\":\"\",\"first_name\":\"\"}}"
        );
        // The key has no expiry, because it was created before there was a TTL.
        assert_answer(&node.try_login("alice", PASSWORD), 200, &expected, fields);
    }
}
