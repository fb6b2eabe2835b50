//! An extended expiry that is noted in memory and not written yet counts as if it were written. It is written within a
//! second; the tests move the clock faster than that.

use std::time::Duration;

use serde_json::json;

use super::sliding::{HOUR, MINUTE, SLIDING, sliding};
use crate::on_both;
use crate::support::app::{App, Kind};
use crate::support::calls::ALICE;
use crate::support::eventually;

/// A key of alice's that was used shortly before the expiry that the database has, and is now past it.
fn used_just_before_its_end(db: Kind, more: &[(&str, &str)]) -> (App, String) {
    let app = sliding(db, more);
    let key = app.alice();
    app.clock.advance(HOUR * 9);
    app.introspect(&key);
    app.clock.advance(HOUR * 2);
    (app, key)
}

type Revoke = fn(&App, &str);

const WAYS_TO_END: [(&str, Revoke); 5] = [
    ("regenerate", |app, _| drop(app.regenerate("alice"))),
    ("revoke", |app, key| assert_eq!(app.revoke(key).status, 200)),
    ("logout", |app, key| assert_eq!(app.post("/logout/", key, &json!({})).status, 204)),
    ("logoutall", |app, key| assert_eq!(app.post("/logoutall/", key, &json!({})).status, 204)),
    ("delete", |app, key| {
        let id = app.introspect(key)["jti"].as_str().unwrap().to_owned();
        assert_eq!(app.delete(&format!("/admin/tokens/{id}"), &app.admin_token()).status, 204);
    }),
];

type RevokeElsewhere = fn(&App, &str, &str, &str);

/// Ways to revoke a key of alice's at a node that does not know of the use that extended it. The arguments are a named
/// key of the admin's, a named key of alice's, and the key to revoke.
const WAYS_TO_END_ELSEWHERE: [(&str, RevokeElsewhere); 3] = [
    ("revoke", |app, _, _, key| assert_eq!(app.revoke(key).status, 200)),
    ("logoutall", |app, _, named, _| assert_eq!(app.post("/logoutall/", named, &json!({})).status, 204)),
    ("regenerate", |app, admin, _, _| {
        assert_eq!(app.post("/admin/users/alice/regenerate", admin, &json!({})).status, 200);
    }),
];

on_both! {
    fn a_token_with_an_unwritten_refresh_can_be_ended_on_another_node(db) {
        for (way, end) in WAYS_TO_END_ELSEWHERE {
            let app = sliding(db, &[]);
            let other = app.node(&SLIDING);
            let key = app.alice();
            let name = |key: &str, scope: &str| {
                app.name_token(key, &json!({"name": "n", "scope": scope}))["token"].as_str().unwrap().to_owned()
            };
            let (admin, named) = (name(&app.admin_token(), "jeton:admin"), name(&key, ""));
            let id = app.introspect(&key)["jti"].as_str().unwrap().to_owned();
            app.clock.advance(HOUR * 9 + MINUTE * 59);
            other.introspect(&key);
            app.clock.advance(MINUTE * 2);
            end(&app, &admin, &named, &key);
            // The other node writes the refresh that it has noted.
            eventually("the refresh in the database", Duration::from_secs(5), || {
                let sql = format!("select expires_at from tokens where id = {id}");
                app.database.sql(&sql).starts_with("2025-06-16 11:05:40").then_some(())
            });
            app.wait_until_synced();
            other.wait_until_synced();
            assert!(!app.is_good(&key) && !other.is_good(&key), "{way}");
            assert_eq!(app.explain(&key)["reason"], "revoked", "{way}");
        }
    }

    fn a_login_returns_the_key_with_the_unwritten_refresh(db) {
        let (app, key) = used_just_before_its_end(db, &[]);
        let answer = app.try_login(ALICE.0, ALICE.1).json();
        assert_eq!(answer, json!({"token": key, "expiry": "2025-06-16T10:06:40.123456Z"}));
        assert_eq!(app.tokens_of("alice").len(), 1);
        assert!(app.is_good(&key));
    }

    fn a_key_that_is_past_its_extended_expiry_is_not_returned(db) {
        let (app, key) = used_just_before_its_end(db, &[]);
        app.clock.advance(HOUR * 8);
        assert_ne!(app.login(ALICE.0, ALICE.1), key);
    }

    fn the_limit_counts_a_token_with_an_unwritten_refresh(db) {
        let (app, key) = used_just_before_its_end(db, &[("JETON_TOKEN_MODE", "multiple"), ("JETON_TOKEN_LIMIT_PER_USER", "1")]);
        assert_eq!(app.try_login(ALICE.0, ALICE.1).status, 403);
        assert!(app.is_good(&key));
        app.clock.advance(HOUR * 10);
        app.login(ALICE.0, ALICE.1);
    }

    fn a_token_with_an_unwritten_refresh_can_be_ended_in_every_way(db) {
        for (way, end) in WAYS_TO_END {
            for mode in ["single", "multiple"] {
                let (app, key) = used_just_before_its_end(db, &[("JETON_TOKEN_MODE", mode)]);
                end(&app, &key);
                assert!(!app.is_good(&key), "{way}, {mode}");
                assert_eq!(app.explain(&key)["reason"], "revoked", "{way}, {mode}");
            }
        }
    }

    fn a_token_is_ended_although_another_node_has_not_written_its_refresh(db) {
        for (way, end) in &WAYS_TO_END[..2] {
            let app = sliding(db, &[]);
            let key = app.alice();
            let node = app.node(&SLIDING);
            app.clock.advance(HOUR * 9);
            assert_eq!(node.introspect(&key)["active"], true);
            app.clock.advance(HOUR * 2);
            end(&app, &key);
            drop(node); // writes what it has noted
            app.wait_until_synced();
            assert!(!app.is_good(&key), "{way}");
        }
    }
}
