//! Purging: old rows are deleted after `JETON_RETENTION`, and not before.

use std::time::Duration;

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{App, Kind};
use crate::support::calls::{ALICE, MICRO, short_of};
use crate::support::eventually;

const LIMIT: Duration = Duration::from_secs(20);
const DAY: Duration = Duration::from_hours(24);

/// Starts another node, which purges as it starts, and waits until it has. A very old audit entry shows this: tokens
/// are purged before audit entries, and of these the oldest goes first.
fn purge(app: &App, settings: &[(&str, &str)]) {
    let marker = "insert into audit_log (at, actor, action, target) values ('1971-01-01', 'x', 'x', 'marker')";
    app.database.sql(marker);
    // This looks as if other nodes had run all the time. Otherwise the new node might not trust its clock, and purge
    // nothing.
    app.database.sql(&format!(
        "insert into meta (key, value) values ('believed_time', '{}') on conflict (key) do update set value = excluded.value",
        app.clock.now().as_micros()
    ));
    let node = app.node(settings);
    eventually("a purge", LIMIT, || {
        (app.database.sql("select count(*) from audit_log where target = 'marker'") == "0").then_some(())
    });
    drop(node);
}

fn token_count(app: &App) -> String {
    app.database.sql("select count(*) from tokens t join users u on u.id = t.user_id where u.username = 'alice'")
}

fn with_ttl(db: Kind) -> (App, String) {
    let app = App::with(db, &[("JETON_TOKEN_TTL", "1d")]);
    let key = app.alice();
    (app, key)
}

on_both! {
    fn revoked_and_expired_tokens_are_purged_when_the_retention_is_over(db) {
        let (app, expiring) = with_ttl(db);
        let named = app.name_token(&expiring, &json!({"name": "n"}));
        app.clock.advance(DAY);
        let revoked = named["token"].as_str().unwrap();
        app.revoke(revoked); // at the moment at which the login token expires
        app.clock.advance(DAY * 30);
        purge(&app, &[]);
        let reason = |key: &str| app.explain(key)["reason"].clone();
        assert_eq!((reason(&expiring), reason(revoked)), (json!("expired"), json!("revoked")), "at the retention");
        app.clock.advance(MICRO);
        purge(&app, &[]);
        assert_eq!((reason(&expiring), reason(revoked)), (json!("unknown"), json!("unknown")), "past the retention");
        assert_eq!(token_count(&app), "0");
    }

    fn live_tokens_stay_however_old_they_are(db) {
        let app = App::start(db);
        let key = app.alice();
        let named = app.name_token(&key, &json!({"name": "n", "expires_in": "400d"}))["token"].clone();
        app.clock.advance(DAY * 399);
        purge(&app, &[]);
        assert!(app.is_good(&key) && app.is_good(named.as_str().unwrap()));
        assert_eq!(app.login(ALICE.0, ALICE.1), key);
    }

    fn the_retention_of_a_token_with_a_grace_begins_at_the_end_of_the_grace(db) {
        let app = App::start(db);
        let old = app.alice();
        app.post("/admin/users/alice/regenerate?grace=40d", &app.admin_token(), &json!({}));
        app.clock.advance(DAY * 39);
        purge(&app, &[]);
        assert!(app.is_good(&old));
        app.clock.advance(DAY * 31);
        purge(&app, &[]);
        assert_eq!(app.explain(&old)["reason"], "revoked");
        app.clock.advance(MICRO);
        purge(&app, &[]);
        assert_eq!(app.explain(&old)["reason"], "unknown");
    }

    fn the_retention_is_a_setting(db) {
        let app = App::start(db);
        let key = app.alice();
        app.revoke(&key);
        app.clock.advance(Duration::from_hours(2) + MICRO);
        purge(&app, &[("JETON_RETENTION", "3h")]);
        assert_eq!(app.explain(&key)["reason"], "revoked");
        purge(&app, &[("JETON_RETENTION", "2h")]);
        assert_eq!(app.explain(&key)["reason"], "unknown");
    }

    fn audit_entries_are_purged_too_and_younger_ones_stay(db) {
        let app = App::start(db);
        app.try_login("first", "wrong");
        app.clock.advance(MICRO);
        app.try_login("second", "wrong");
        app.clock.advance(DAY * 30);
        purge(&app, &[]);
        let failed = || -> Vec<Value> {
            app.list("/admin/audit/?action=login.failed").iter().map(|entry| entry["target"].clone()).collect()
        };
        assert_eq!(failed(), ["second"]);
        app.clock.advance(MICRO);
        purge(&app, &[]);
        assert!(failed().is_empty());
    }

    fn the_audit_log_has_a_retention_of_its_own(db) {
        let app = App::start(db);
        let key = app.alice();
        app.revoke(&key);
        app.try_login("nobody", "wrong");
        app.clock.advance(Duration::from_hours(2) + MICRO);
        let failed = || app.list("/admin/audit/?action=login.failed").len();
        purge(&app, &[("JETON_RETENTION", "2h"), ("JETON_AUDIT_RETENTION", "3h")]);
        assert_eq!((failed(), app.explain(&key)["reason"].clone()), (1, json!("unknown")));
        purge(&app, &[("JETON_RETENTION", "3h"), ("JETON_AUDIT_RETENTION", "2h")]);
        assert_eq!(failed(), 0);
    }

    fn more_than_one_batch_is_purged_at_once(db) {
        let app = App::start(db);
        let (digest, numbers) = if db == Kind::Postgres {
            ("decode(lpad(to_hex(n), 64, '0'), 'hex')", "generate_series(1, 2500) as n")
        } else {
            ("randomblob(32)", "(with recursive s(n) as (select 1 union all select n + 1 from s where n < 2500) select n from s)")
        };
        app.alice();
        app.database.sql(&format!(
            "insert into tokens (user_id, digest, created_at, revoked_at) \
             select (select id from users where username = 'alice'), {digest}, '1971-01-01', '1971-01-02' from {numbers}"
        ));
        assert_eq!(token_count(&app), "2501");
        let node = app.node(&[]);
        eventually("the purge of the last batch", LIMIT, || (token_count(&app) == "1").then_some(()));
        drop(node);
    }

    fn a_kind_of_row_that_cannot_be_purged_does_not_block_other_kinds(db) {
        let (app, expiring) = with_ttl(db);
        let revoked = app.name_token(&expiring, &json!({"name": "n"}));
        app.revoke(revoked["token"].as_str().unwrap());
        app.clock.advance(DAY * 40);
        // Removing the seals of expired tokens comes first, and is an update.
        app.database.sql(if db == Kind::Postgres {
            "create function no() returns trigger language plpgsql as $$ begin raise exception 'broken'; end $$; \
             create trigger no before update on tokens for each row execute function no();"
        } else {
            "create trigger no before update on tokens begin select raise(abort, 'broken'); end"
        });
        purge(&app, &[]);
        assert_eq!(token_count(&app), "0");
    }

    fn a_retention_shorter_than_the_delay_of_written_uses_deletes_no_used_token(db) {
        let (app, _) = with_ttl(db);
        let end = app.database.sql("select max(expires_at) from tokens");
        app.clock.advance(DAY + Duration::from_secs(59));
        purge(&app, &[("JETON_RETENTION", "1s")]);
        assert_eq!(app.database.sql("select max(expires_at) from tokens"), end, "a use just before the expiry may not be written yet");
        app.clock.advance(Duration::from_secs(1) + MICRO);
        purge(&app, &[("JETON_RETENTION", "1s")]);
        assert_eq!(token_count(&app), "0");
    }

    fn a_revoked_token_is_unsealed_at_once(db) {
        let app = App::start(db);
        let sealed = || app.database.sql(
            "select count(*) from tokens t join users u on u.id = t.user_id where u.username = 'alice' and sealed is not null",
        );
        let end: [fn(&App, &str); 4] = [
            |app, key| assert_eq!(app.revoke(key).status, 200),
            |app, key| assert_eq!(app.post("/logout/", key, &json!({})).status, 204),
            |app, key| assert_eq!(app.post("/logoutall/", key, &json!({})).status, 204),
            |app, _| {
                let set = ["user", "set-password", "--password-stdin", "alice"];
                assert_eq!(app.binary().run_with_stdin(&set, ALICE.1).status, 0);
            },
        ];
        app.alice();
        for end in end {
            let key = app.login(ALICE.0, ALICE.1);
            assert_eq!(sealed(), "1");
            end(&app, &key);
            assert_eq!(sealed(), "0");
        }
        app.login(ALICE.0, ALICE.1);
        for query in ["", "?grace=1h"] {
            app.post(&format!("/admin/users/alice/regenerate{query}"), &app.admin_token(), &json!({}));
            assert_eq!(sealed(), "1", "only the new token");
        }
    }

    fn an_expired_token_is_unsealed_by_the_next_purge(db) {
        let (app, key) = with_ttl(db);
        let sealed = || app.database.sql(
            "select count(*) from tokens t join users u on u.id = t.user_id where u.username = 'alice' and sealed is not null",
        );
        app.clock.advance(short_of(DAY));
        purge(&app, &[]);
        assert_eq!((sealed().as_str(), app.login(ALICE.0, ALICE.1)), ("1", key.clone()), "the token is live");
        app.clock.advance(MICRO * 2 + Duration::from_mins(1));
        purge(&app, &[]);
        assert_eq!(sealed(), "0", "a copy of the database and the secret key does not reveal the key");
        assert_eq!(app.explain(&key)["reason"], "expired", "its row stays");
        assert_ne!(app.login(ALICE.0, ALICE.1), key);
    }
}
