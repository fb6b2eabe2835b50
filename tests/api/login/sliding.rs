//! `JETON_TOKEN_AUTO_REFRESH`: each use extends a login token's expiry.

use std::time::Duration;

use serde_json::json;

use crate::on_both;
use crate::support::app::{App, Kind};
use crate::support::calls::{ALICE, MICRO, short_of};
use crate::support::eventually;

const START: i64 = 1_750_000_000;
pub const HOUR: Duration = Duration::from_hours(1);
pub const MINUTE: Duration = Duration::from_mins(1);
pub const SLIDING: [(&str, &str); 2] = [("JETON_TOKEN_TTL", "10h"), ("JETON_TOKEN_AUTO_REFRESH", "true")];

pub fn sliding(db: Kind, more: &[(&str, &str)]) -> App {
    App::with(db, &[&SLIDING, more].concat())
}

/// `exp` in the second of two answers, because the first may show the expiry as it was before its own use.
fn exp(app: &App, key: &str) -> i64 {
    app.introspect(key);
    app.introspect(key)["exp"].as_i64().unwrap()
}

type Use = fn(&App, &str);

fn stored_expiry(app: &App, username: &str) -> String {
    let sql = format!(
        "select t.expires_at from tokens t join users u on u.id = t.user_id \
         where u.username = '{username}' and t.name is null order by t.id desc limit 1"
    );
    app.database.sql(&sql).trim_end_matches("+00").to_owned()
}

on_both! {
    fn a_use_extends_the_expiry(db) {
        let app = sliding(db, &[]);
        let key = app.alice();
        app.clock.advance(HOUR * 9);
        assert_eq!(exp(&app, &key), START + 19 * 3600);
        app.clock.advance(HOUR * 9);
        assert!(app.is_good(&key), "past the first expiry");
        app.clock.advance(HOUR * 10);
        assert!(!app.is_good(&key), "ten hours without a use");
    }

    fn a_login_sees_a_refresh_that_is_not_written_yet(db) {
        let app = sliding(db, &[]);
        let key = app.alice();
        for round in 0..5 {
            app.clock.advance(HOUR * 10 - MINUTE * 5);
            assert!(app.is_good(&key), "{round}");
            // The stored expiry is past, until the next flush of uses writes the new one.
            app.clock.advance(MINUTE * 5);
            assert_eq!(app.login(ALICE.0, ALICE.1), key, "{round}");
            app.introspect(&key);
        }
        let limited = sliding(db, &[("JETON_TOKEN_MODE", "multiple"), ("JETON_TOKEN_LIMIT_PER_USER", "1")]);
        let key = limited.alice();
        limited.clock.advance(short_of(HOUR * 10));
        assert!(limited.is_good(&key));
        limited.clock.advance(MICRO);
        assert_eq!(limited.try_login(ALICE.0, ALICE.1).status, 403, "the old token is live and counts towards the limit");
    }

    fn without_the_setting_a_use_does_not_extend_the_expiry(db) {
        let app = App::with(db, &[("JETON_TOKEN_TTL", "10h")]);
        let key = app.alice();
        app.clock.advance(HOUR * 9);
        assert_eq!(exp(&app, &key), START + 10 * 3600);
    }

    fn me_verify_and_batch_extend_the_expiry_as_introspection_does(db) {
        let app = sliding(db, &[]);
        let key = app.alice();
        let uses: [(&str, Use); 3] = [
            ("/me", |app, key| assert_eq!(app.get("/me", key).status, 200)),
            ("/auth/verify", |app, key| assert_eq!(app.get("/auth/verify", key).status, 200)),
            ("batch", |app, key| assert_eq!(app.batch(&json!({"tokens": [key]})).status, 200)),
        ];
        for (way, used) in uses {
            app.clock.advance(HOUR * 9);
            used(&app, &key);
            app.clock.advance(HOUR * 9);
            assert!(app.is_good(&key), "{way} had extended the expiry");
        }
    }

    fn the_expiry_is_extended_only_by_more_than_the_interval(db) {
        for (setting, interval) in [(None, MINUTE), (Some("5m"), MINUTE * 5)] {
            let more: Vec<_> = setting.map(|text| ("JETON_TOKEN_MIN_REFRESH_INTERVAL", text)).into_iter().collect();
            let app = sliding(db, &more);
            let key = app.alice();
            app.clock.advance(interval);
            assert_eq!(exp(&app, &key), START + 36_000, "{setting:?}: exactly the interval");
            app.clock.advance(Duration::from_secs(1));
            let later = i64::try_from(interval.as_secs()).unwrap() + 1;
            assert_eq!(exp(&app, &key), START + 36_000 + later, "{setting:?}: more than the interval");
        }
    }

    fn the_maximum_ttl_counts_from_the_creation(db) {
        let app = sliding(db, &[("JETON_TOKEN_MAX_TTL", "24h")]);
        let key = app.alice();
        for (hours, expected) in [(9, 19), (18, 24), (23, 24)] {
            app.clock.advance(if hours == 23 { HOUR * 5 } else { HOUR * 9 });
            assert_eq!(exp(&app, &key), START + expected * 3600, "at {hours} hours");
        }
        app.clock.advance(HOUR);
        assert!(!app.is_good(&key), "24 hours old, although it was used");
    }

    fn a_maximum_ttl_below_the_ttl_is_the_whole_lifetime(db) {
        for mode in ["single", "multiple"] {
            let app = sliding(db, &[("JETON_TOKEN_MAX_TTL", "2h"), ("JETON_TOKEN_MODE", mode)]);
            app.create_user(ALICE.0, ALICE.1, &json!({}));
            let answer = app.try_login(ALICE.0, ALICE.1).json();
            assert_eq!(answer["expiry"], "2025-06-15T17:06:40.123456Z", "{mode}");
            let regenerated = app.regenerate("alice");
            assert_eq!(exp(&app, &regenerated), START + 2 * 3600, "{mode}");
            app.clock.advance(HOUR);
            assert_eq!(exp(&app, &regenerated), START + 2 * 3600, "{mode}: a use does not extend the expiry");
        }
        let app = App::with(db, &[("JETON_TOKEN_TTL", "10h"), ("JETON_TOKEN_MAX_TTL", "2h")]);
        let key = app.alice();
        assert_eq!(exp(&app, &key), START + 10 * 3600, "the maximum applies only to sliding expiries");
    }

    fn a_shorter_ttl_does_not_shorten_existing_tokens(db) {
        let app = App::with(db, &[("JETON_TOKEN_TTL", "30d")]);
        let key = app.alice();
        let node = app.node(&SLIDING);
        app.clock.advance(HOUR);
        assert_eq!(exp(&node, &key), START + 30 * 86_400);
        let before = stored_expiry(&app, "alice");
        node.get("/me", &key);
        drop(node); // writes what it has noted
        assert_eq!(stored_expiry(&app, "alice"), before);
    }

    fn the_new_expiry_is_written_and_another_node_sees_it(db) {
        let app = sliding(db, &[]);
        let key = app.alice();
        let other = app.node(&SLIDING);
        app.clock.advance(HOUR * 9);
        assert_eq!(exp(&app, &key), START + 19 * 3600);
        eventually("the expiry in the database", Duration::from_secs(10), || {
            (stored_expiry(&app, "alice") == "2025-06-16 10:06:40.123456").then_some(())
        });
        app.clock.advance(HOUR * 9);
        assert!(other.is_good(&key), "past the first expiry, on a node where the token was not used yet");
        assert_eq!(app.tokens_of("alice").len(), 1);
    }

    fn a_login_returns_the_refreshed_key_and_its_new_expiry(db) {
        let app = sliding(db, &[]);
        let key = app.alice();
        app.clock.advance(HOUR * 9);
        app.introspect(&key);
        let answer = eventually("the new expiry in a login's answer", Duration::from_secs(10), || {
            let answer = app.try_login(ALICE.0, ALICE.1).json();
            (answer["expiry"] == "2025-06-16T10:06:40.123456Z").then_some(answer)
        });
        assert_eq!(answer["token"], json!(key));
        app.clock.advance(HOUR * 9);
        assert_eq!(app.login(ALICE.0, ALICE.1), key, "past the first expiry");
    }

    fn a_use_does_not_extend_the_expiry_of_a_named_token(db) {
        let app = sliding(db, &[]);
        let key = app.alice();
        let named = app.name_token(&key, &json!({"name": "n", "expires_in": 36_000}));
        let named = named["token"].as_str().unwrap();
        app.clock.advance(HOUR * 9);
        assert_eq!(exp(&app, named), START + 36_000);
        app.clock.advance(HOUR);
        assert!(!app.is_good(named));
    }

    fn a_use_does_not_extend_a_token_past_the_end_of_its_grace(db) {
        let app = sliding(db, &[]);
        let old = app.alice();
        app.clock.advance(HOUR);
        let answer = app.post("/admin/users/alice/regenerate?grace=5h", &app.admin_token(), &json!({}));
        assert_eq!(answer.status, 200, "{}", answer.text());
        app.clock.advance(HOUR * 4);
        assert_eq!(exp(&app, &old), START + 6 * 3600);
        app.clock.advance(short_of(HOUR));
        assert!(app.is_good(&old));
        app.clock.advance(MICRO);
        assert!(!app.is_good(&old));
        assert_eq!(app.explain(&old)["reason"], "revoked");
    }
}
