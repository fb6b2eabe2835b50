//! `POST /api-token-auth/` in multiple mode, where each login gets its own key; and the change from one mode to the other.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::single::{keys_of_logins_at_once, live_and_sealed};
use super::{PASSWORD, WRONG, assert_answer, holding, with_alice};
use crate::on_both;

const MULTIPLE: (&str, &str) = ("JETON_TOKEN_MODE", "multiple");
const LIMIT: &str = r#"{"error":"Maximum amount of tokens allowed per user exceeded."}"#;

on_both! {
    fn each_login_creates_a_key_and_seals_nothing(db) {
        let app = with_alice(db, &[MULTIPLE]);
        let keys: Vec<String> = (0..3).map(|_| app.login("alice", PASSWORD)).collect();
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 3, "{keys:?}");
        for key in &keys {
            assert_eq!(holding(key).len(), 52);
            assert_eq!(app.introspect(key)["username"], "alice");
        }
        assert_eq!(live_and_sealed(&app), ("3".to_owned(), "0".to_owned()));
        let keys = keys_of_logins_at_once(&[&app], 10);
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 10, "{keys:?}");
        assert_eq!(live_and_sealed(&app), ("13".to_owned(), "0".to_owned()));
    }

    fn without_a_ttl_the_answer_has_only_the_key(db) {
        let app = with_alice(db, &[MULTIPLE]);
        let answer = app.try_login("alice", PASSWORD);
        let key = answer.json()["token"].as_str().unwrap().to_owned();
        assert_answer(&answer, 200, &holding(&key), "no TTL");
    }

    fn each_key_has_its_own_expiry(db) {
        let app = with_alice(db, &[MULTIPLE, ("JETON_TOKEN_TTL", "1h")]);
        let first = app.try_login("alice", PASSWORD).json();
        app.clock.advance(Duration::from_mins(30));
        let answer = app.try_login("alice", PASSWORD);
        let second = answer.json()["token"].as_str().unwrap().to_owned();
        let expected = format!("{{\"expiry\":\"2025-06-15T16:36:40.123456Z\",\"token\":\"{second}\"}}");
        assert_answer(&answer, 200, &expected, "half an hour later");
        app.clock.advance(Duration::from_mins(30));
        assert_eq!(app.introspect(first["token"].as_str().unwrap()), json!({"active": false}));
        assert_eq!(app.introspect(&second)["active"], true);
    }

    fn a_login_beyond_the_limit_of_live_tokens_is_refused(db) {
        let app = with_alice(db, &[MULTIPLE, ("JETON_TOKEN_LIMIT_PER_USER", "2"), ("JETON_TOKEN_TTL", "1h")]);
        let blob = if app.database.postgres.is_some() { "decode(repeat('ab', 32), 'hex')" } else { "zeroblob(32)" };
        app.database.sql(&format!(
            "insert into tokens (user_id, digest, created_at, name) \
             select id, {blob}, '2025-06-15 15:06:40', 'an API key' from users where username = 'alice'"
        ));
        let key = app.login("alice", PASSWORD);
        app.clock.advance(Duration::from_mins(30));
        app.login("alice", PASSWORD);
        for _ in 0..2 {
            assert_answer(&app.try_login("alice", PASSWORD), 403, LIMIT, "the third login");
        }
        assert_answer(&app.try_login("alice", "wrong"), 400, WRONG, "a wrong password does not reveal that the limit is reached");
        assert_eq!(app.introspect(&key)["active"], true);
        app.create_user("bob", PASSWORD, &json!({}));
        app.login("bob", PASSWORD);
        app.clock.advance(Duration::from_mins(30));
        app.login("alice", PASSWORD); // the first one has expired
        assert_answer(&app.try_login("alice", PASSWORD), 403, LIMIT, "two live ones again");
        app.regenerate("alice"); // leaves one live token
        app.login("alice", PASSWORD);
        assert_answer(&app.try_login("alice", PASSWORD), 403, LIMIT, "two live ones once more");
    }

    fn the_limit_applies_to_logins_at_once(db) {
        let app = with_alice(db, &[MULTIPLE, ("JETON_TOKEN_LIMIT_PER_USER", "3")]);
        let other = app.node(&[MULTIPLE, ("JETON_TOKEN_LIMIT_PER_USER", "3")]);
        let mut statuses: Vec<u16> = thread::scope(|scope| {
            let logins: Vec<_> =
                (0..10).map(|n| if n % 2 == 0 { &app } else { &other }).map(|app| scope.spawn(|| app.try_login("alice", PASSWORD).status)).collect();
            logins.into_iter().map(|login| login.join().unwrap()).collect()
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 200, 403, 403, 403, 403, 403, 403, 403]);
        assert_eq!(live_and_sealed(&app).0, "3");
    }

    fn the_limit_does_not_apply_in_single_mode(db) {
        let multiple = with_alice(db, &[MULTIPLE]);
        let other = multiple.login("alice", PASSWORD);
        let single = multiple.node(&[("JETON_TOKEN_LIMIT_PER_USER", "1")]);
        let key = single.login("alice", PASSWORD);
        assert_ne!(key, other);
        assert_eq!(single.login("alice", PASSWORD), key);
    }

    fn the_mode_can_change_on_the_same_database(db) {
        let single = with_alice(db, &[]);
        let first = single.login("alice", PASSWORD);
        let multiple = single.node(&[MULTIPLE]);
        let second = multiple.login("alice", PASSWORD);
        let third = multiple.login("alice", PASSWORD);
        let fourth = single.login("alice", PASSWORD);
        assert_eq!(single.login("alice", PASSWORD), fourth, "single mode again: one key");
        let keys = HashSet::from([&first, &second, &third]);
        assert_eq!(keys.len(), 3);
        assert!(!keys.contains(&fourth) || fourth == first, "no login returns a key of multiple mode again");
        for key in [&first, &second, &third, &fourth] {
            assert_eq!(single.introspect(key)["active"], true);
            assert_eq!(multiple.introspect(key)["active"], true);
        }
    }
}
