//! A token that is ended at one node is dead at every other node, whatever their clocks show.

use std::time::Duration;

use serde_json::json;

use super::APART;
use crate::on_both;
use crate::support::app::{App, CLIENT, Kind};
use crate::support::calls::{ALICE, MICRO};
use crate::support::http::Request;

const HOUR: i64 = 3600;

/// A short bound, so that a node learns of changes at another node within a moment.
const QUICK: &[(&str, &str)] = &[("JETON_REVOCATION_BOUND", "200ms")];

/// Ends alice's key at this node.
type End = fn(&App, &str);

const ENDS: [(&str, End); 9] = [
    ("revoke", |app, key| assert_eq!(app.revoke(key).status, 200)),
    ("revoke by its holder", |app, key| {
        assert_eq!(app.send(Request::new("POST", "/revoke").form(&[("token", key)])).status, 200);
    }),
    ("logout", |app, key| assert_eq!(app.post("/logout/", key, &json!({})).status, 204)),
    ("logoutall", |app, key| assert_eq!(app.post("/logoutall/", key, &json!({})).status, 204)),
    ("regenerate", |app, _| drop(app.regenerate(ALICE.0))),
    ("delete by id", |app, key| {
        let id = app.introspect(key)["jti"].as_str().unwrap().to_owned();
        assert_eq!(app.delete(&format!("/admin/tokens/{id}"), &app.admin_token()).status, 204);
    }),
    ("set-password", |app, _| {
        let path = format!("/admin/users/{}/password", ALICE.0);
        assert_eq!(app.post(&path, &app.admin_token(), &json!({"password": ALICE.1})).status, 204);
    }),
    ("own password", |app, key| {
        let body = json!({"old_password": ALICE.1, "new_password": ALICE.1});
        assert_eq!(app.post("/me/password", key, &body).status, 200);
    }),
    ("deactivate", |app, _| set_active(app, false)),
];

fn set_active(app: &App, is_active: bool) {
    let path = format!("/admin/users/{}", ALICE.0);
    let body = json!({ "is_active": is_active });
    let answer = app.send(Request::new("PATCH", &path).token(&app.admin_token()).json(&body));
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn new_key(app: &App, query: &str) -> String {
    let answer = app.post(&format!("/admin/users/alice/regenerate{query}"), &app.admin_token(), &json!({}));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["token"].as_str().unwrap().to_owned()
}

/// Two nodes with the user alice, and her login key.
fn two_nodes(db: Kind, more: &[(&str, &str)]) -> (App, App, String) {
    let settings = [QUICK, more].concat();
    let here = App::with(db, &settings);
    let there = here.node_ahead(0, &settings);
    let key = here.alice();
    (here, there, key)
}

on_both! {
    fn a_token_ended_at_one_node_is_dead_at_another_and_stays_dead_however_clocks_are_set(db) {
        for (mode, apart) in [("single", &APART[..]), ("multiple", &APART[2..3])] {
            let (here, there, _) = two_nodes(db, &[("JETON_TOKEN_MODE", mode)]);
            for (way, end) in ENDS {
                for (ours, theirs) in apart {
                    let what = format!("{way}, {mode}, {ours} min here, {theirs} min there");
                    here.clock.set_ahead(ours * 60);
                    there.clock.set_ahead(theirs * 60);
                    let key = here.login(ALICE.0, ALICE.1);
                    there.wait_until_synced();
                    assert!(there.is_good(&key), "{what}");
                    end(&here, &key);
                    assert!(!here.is_good(&key), "{what}: here");
                    there.wait_until_synced();
                    assert!(!there.is_good(&key), "{what}");
                    let reason = if way == "deactivate" { "user_inactive" } else { "revoked" };
                    assert_eq!(there.explain(&key)["reason"], reason, "{what}");
                    for minutes in [-60 * 24 * 40, -10, 10] {
                        here.clock.set_ahead(minutes * 60);
                        there.clock.set_ahead(minutes * 60);
                        assert!(!here.is_good(&key) && !there.is_good(&key), "{what}, set to {minutes} min");
                    }
                    set_active(&here, true);
                }
            }
        }
    }

    fn a_token_that_is_revoked_by_a_node_where_it_has_expired_is_dead_at_a_node_where_it_has_not(db) {
        let ends: [(&str, End); 3] = [
            ("revoke", |app, key| assert_eq!(app.revoke(key).status, 200)),
            ("regenerate", |app, _| drop(app.regenerate(ALICE.0))),
            ("regenerate with grace", |app, _| drop(new_key(app, "?grace=0s"))),
        ];
        for (way, end) in ends {
            let (here, there, key) = two_nodes(db, &[("JETON_TOKEN_TTL", "1h")]);
            here.clock.set_ahead(2 * HOUR);
            assert!(!here.is_good(&key) && there.is_good(&key), "{way}: the token has expired at one node only");
            end(&here, &key);
            there.wait_until_synced();
            assert!(!there.is_good(&key), "{way}");
            assert_eq!(there.explain(&key)["reason"], "revoked", "{way}");
            assert_eq!(here.explain(&key)["reason"], "expired", "{way}: by this node's clock the expiry came first");
        }
    }

    fn a_grace_ends_by_the_clock_of_the_node_that_answers(db) {
        let (here, there, _) = two_nodes(db, &[]);
        for (ours, theirs) in APART {
            here.clock.set_ahead(ours * 60);
            there.clock.set_ahead(theirs * 60);
            let old = here.login(ALICE.0, ALICE.1);
            let new = new_key(&here, "?grace=1h");
            there.wait_until_synced();
            let end = here.clock.now().epoch_seconds() + HOUR;
            assert_eq!(there.introspect(&old)["exp"], end, "every node gives the same end");
            let ahead_at_the_end = ours * 60 + HOUR;
            for before in [HOUR, 1] {
                there.clock.set_ahead(ahead_at_the_end - before);
                assert!(there.is_good(&old) && there.is_good(&new), "{before} s before the end of the grace");
            }
            there.clock.set_ahead(ahead_at_the_end);
            assert!(!there.is_good(&old) && there.is_good(&new), "at the end of the grace");
            let explained = there.explain(&old);
            assert_eq!((&explained["reason"], &explained["by"]), (&json!("revoked"), &json!("admin")));
        }
    }

    fn ending_a_token_within_its_grace_ends_it_at_every_node(db) {
        let ends: [(&str, End); 4] = [
            ("revoke", |app, key| assert_eq!(app.revoke(key).status, 200)),
            ("logoutall", |app, _| {
                let key = app.login(ALICE.0, ALICE.1);
                assert_eq!(app.post("/logoutall/", &key, &json!({})).status, 204);
            }),
            ("regenerate", |app, _| drop(app.regenerate(ALICE.0))),
            ("own password", |app, _| {
                let body = json!({"old_password": ALICE.1, "new_password": ALICE.1});
                assert_eq!(app.post("/me/password", &app.login(ALICE.0, ALICE.1), &body).status, 200);
            }),
        ];
        let (here, there, _) = two_nodes(db, &[]);
        // At a node whose clock is two hours ahead the grace is over already.
        for ours in [0, -300, 300, 2 * HOUR] {
            for (way, end) in ends {
                let old = there.login(ALICE.0, ALICE.1);
                new_key(&there, "?grace=1h");
                here.clock.set_ahead(ours);
                here.wait_until_synced();
                assert!(there.is_good(&old), "{way}, {ours}");
                end(&here, &old);
                there.wait_until_synced();
                assert!(!there.is_good(&old) && !here.is_good(&old), "{way}, {ours}");
                here.clock.set_ahead(-HOUR);
                assert!(!here.is_good(&old), "{way}, {ours}, set back");
                assert_eq!(there.explain(&old)["reason"], "revoked", "{way}, {ours}");
            }
        }
    }

    fn a_second_regenerate_does_not_change_the_end_of_a_grace_that_is_over(db) {
        let (here, _, old) = two_nodes(db, &[]);
        new_key(&here, "?grace=1h");
        here.clock.advance(Duration::from_hours(2));
        let before = here.explain(&old);
        for query in ["", "?grace=1h", "?grace=0"] {
            new_key(&here, query);
            assert_eq!(here.explain(&old), before, "{query}");
        }
    }

    fn a_revocation_by_sql_takes_effect_at_once_whatever_its_time(db) {
        let (here, there, _) = two_nodes(db, &[]);
        for moment in ["2000-01-01 00:00:00", "2025-06-15 15:06:40.123456", "2125-01-01 00:00:00"] {
            for query in ["", "?grace=1h"] {
                let key = here.login(ALICE.0, ALICE.1);
                if !query.is_empty() {
                    new_key(&here, query);
                }
                assert!(here.is_good(&key) && there.is_good(&key));
                there.sql(&format!("update tokens set revoked_at = '{moment}' where sealed is null or '{query}' = ''"));
                here.wait_until_synced();
                assert!(!here.is_good(&key) && !there.is_good(&key), "{moment} {query}");
                here.sql("delete from tokens where revoked_at is not null");
            }
        }
        // An operator removes a grace, and then undoes the revocation.
        let key = here.login(ALICE.0, ALICE.1);
        new_key(&here, "?grace=1h");
        assert!(here.is_good(&key));
        here.sql("update tokens set grace_until = null");
        assert!(!here.is_good(&key));
        here.sql("update tokens set revoked_at = null");
        assert!(here.is_good(&key));
    }

    fn no_node_answers_that_a_token_was_issued_in_the_future(db) {
        let (here, there, _) = two_nodes(db, &[]);
        here.clock.set_ahead(300);
        let key = new_key(&here, "");
        there.wait_until_synced();
        for minutes in [-5, 0, 5, 10] {
            there.clock.set_ahead(minutes * 60);
            new_key(&there, "?grace=1m");
            let answer = there.introspect(&key);
            if answer["active"] == json!(true) {
                let now = there.clock.now().epoch_seconds();
                assert!(answer["iat"].as_i64().unwrap() <= now, "{answer}");
                assert!(answer["exp"].as_i64().unwrap() > answer["iat"].as_i64().unwrap(), "{answer}");
            }
        }
        here.clock.set_ahead(0);
        assert_eq!(here.introspect(&here.login(ALICE.0, ALICE.1))["active"], true);
    }

    fn setting_a_clock_back_does_not_keep_an_answer_in_the_cache_for_longer(db) {
        let app = App::start(db);
        let key = app.alice();
        let misses = "jeton_cache_misses_total";
        app.wait_until_synced();
        app.introspect(&key);
        let before = app.count(misses);
        app.introspect(&key);
        assert_eq!(app.count(misses), before, "the answer came from the cache");
        app.clock.set_ahead(-600);
        assert!(app.send(Request::new("GET", "/readyz")).text().contains("set back by 600.0 s"));
        app.introspect(&key);
        assert_eq!(app.count(misses), before + 1, "the answer came from the database");
    }

    fn the_previous_secret_of_a_client_is_dead_by_every_clock_when_it_has_no_grace(db) {
        let (here, there, _) = two_nodes(db, &[]);
        let introspect = |app: &App, secret: &str| {
            app.send(Request::new("POST", "/introspect").basic(CLIENT.0, secret).form(&[("token", "x")])).status
        };
        here.clock.set_ahead(300);
        there.clock.set_ahead(-300);
        assert_eq!(introspect(&there, CLIENT.1), 200);
        let rotate = |query: &str| {
            let answer = here.post(&format!("/admin/clients/demo/rotate{query}"), &here.admin_token(), &json!({}));
            assert_eq!(answer.status, 200, "{answer:?}");
            there.wait_until_synced();
            answer.json()["client_secret"].as_str().unwrap().to_owned()
        };
        let second = rotate("?grace=1h");
        assert_eq!((introspect(&there, CLIENT.1), introspect(&there, &second)), (200, 200));
        let third = rotate("");
        let all = [CLIENT.1, &second, &third].map(|secret| introspect(&there, secret));
        assert_eq!(all, [401, 401, 200]);
    }
}

/// A grace that the previous version gave before the migration goes on. One that it gives afterwards counts as a
/// revocation.
#[test]
fn graces_go_on_after_the_schema_is_migrated() {
    use crate::support::app::TestDatabase;
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let database = std::sync::Arc::new(TestDatabase::new(kind));
        let app = App::on(database.clone(), jeton::domain::time::Clock::System, QUICK);
        let (first, _) = (app.alice(), new_key(&app, "?grace=1h"));
        drop(app);
        let folder = if kind == Kind::Postgres { "postgres" } else { "sqlite" };
        // The newest migration is undone first, because the change log's triggers read the column that the other one
        // added.
        for (migration, version) in
            [("2026-11-29-120000_change_log", "20261129120000"), ("2026-11-28-110000_grace", "20261128110000")]
        {
            let down = format!("{}/migrations/{folder}/{migration}/down.sql", env!("CARGO_MANIFEST_DIR"));
            database.sql(&std::fs::read_to_string(down).unwrap());
            database.sql(&format!("delete from __diesel_schema_migrations where version = '{version}'"));
        }
        let app = App::on(database.clone(), jeton::domain::time::Clock::System, QUICK);
        assert!(app.is_good(&first), "{kind:?}");
        app.clock.advance(MICRO);
        app.sql("update tokens set revoked_at = '2125-01-01 00:00:00' where grace_until is not null");
        assert!(!app.is_good(&first), "{kind:?}: the previous version writes a grace like this");
    }
}
