//! `/admin/users/{username}/regenerate`: a new login token in place of the old ones.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;

use crate::on_both;
use crate::support::app::{ADMIN, App, Kind};
use crate::support::calls::{ALICE, MICRO, short_of};
use crate::support::console::Visit;
use crate::support::http::Answer;

const HOUR: Duration = Duration::from_hours(1);
const END: i64 = 1_750_003_600;

fn regenerate(app: &App, query: &str) -> Answer {
    app.post(&format!("/admin/users/alice/regenerate{query}"), &app.admin_token(), &json!({}))
}

#[track_caller]
fn new_key(app: &App, query: &str) -> String {
    let answer = regenerate(app, query);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["token"].as_str().unwrap().to_owned()
}

fn with_named(db: Kind) -> (App, String, String) {
    let app = App::start(db);
    let login = app.alice();
    let named = app.name_token(&login, &json!({"name": "n"}))["token"].as_str().unwrap().to_owned();
    (app, login, named)
}

on_both! {
    fn the_old_login_token_is_revoked_at_once_and_named_ones_stay(db) {
        let (app, old, named) = with_named(db);
        let new = new_key(&app, "");
        assert!(!app.is_good(&old));
        assert!(app.is_good(&new) && app.is_good(&named));
        assert_eq!(app.login(ALICE.0, ALICE.1), new);
        let explained = app.explain(&old);
        assert_eq!((&explained["reason"], &explained["by"]), (&json!("revoked"), &json!("admin")));
        assert_eq!(explained["at"], "2025-06-15T15:06:40.123456Z");
    }

    /// The API, the console and the commands take the same texts.
    fn a_grace_period_has_one_rule_everywhere(db) {
        let app = App::start(db);
        app.alice();
        let mut visit = Visit::by(&app, ADMIN);
        for (grace, is_taken) in [("15m", true), ("1000d", true), ("36501d", false), ("90", false), ("-1h", false), ("soon", false)] {
            let by_api = regenerate(&app, &format!("?grace={grace}")).status;
            visit.page("/console/users/@alice");
            let by_form = visit.post("/console/users/@alice/regenerate", &[("grace", grace)]).status;
            let by_command = app.binary().run(&["token", "create", "alice", "-r", &format!("--grace={grace}")]).status;
            let expected = if is_taken { (200, 200, 0) } else { (400, 400, 2) };
            assert_eq!((by_api, by_form, by_command), expected, "{grace}");
        }
    }

    fn all_revokes_named_tokens_too(db) {
        for query in ["?all=true", "?all=1", "?all=True", "?all=on"] {
            let (app, old, named) = with_named(db);
            let new = new_key(&app, query);
            assert!(!app.is_good(&old) && !app.is_good(&named), "{query}");
            assert!(app.is_good(&new));
        }
        for query in ["?all=false", "?all=0", "?all=", "?all=False"] {
            let (app, old, named) = with_named(db);
            new_key(&app, query);
            assert!(!app.is_good(&old) && app.is_good(&named), "{query}");
        }
    }

    fn with_grace_the_old_key_has_an_expiry_and_is_valid_until_then(db) {
        let (app, old, named) = with_named(db);
        let new = new_key(&app, "?grace=1h");
        assert_eq!(app.introspect(&old)["exp"], END);
        assert_eq!(app.introspect(&new).get("exp"), None);
        assert_eq!(app.introspect(&named).get("exp"), None);
        assert_eq!(app.login(ALICE.0, ALICE.1), new, "a login returns the new key at once");
        let ends: Vec<_> = app.tokens_of("alice").iter().map(|token| token["expires_at"].clone()).collect();
        assert_eq!(ends, [json!("2025-06-15T16:06:40.123456Z"), json!(null), json!(null)]);
        app.clock.advance(short_of(HOUR));
        assert!(app.is_good(&old));
        assert_eq!(app.explain(&old)["reason"], "active");
        app.clock.advance(MICRO);
        assert!(!app.is_good(&old));
        assert!(app.is_good(&new) && app.is_good(&named));
        let explained = app.explain(&old);
        assert_eq!((&explained["reason"], &explained["by"]), (&json!("revoked"), &json!("admin")));
        assert_eq!(explained["at"], "2025-06-15T16:06:40.123456Z");
    }

    fn grace_and_all_give_named_tokens_the_same_grace_period(db) {
        let (app, old, named) = with_named(db);
        new_key(&app, "?grace=1h&all=true");
        assert_eq!((&app.introspect(&old)["exp"], &app.introspect(&named)["exp"]), (&json!(END), &json!(END)));
        app.clock.advance(HOUR);
        assert!(!app.is_good(&old) && !app.is_good(&named));
    }

    fn a_second_regenerate_during_the_grace_ends_the_old_tokens_at_once(db) {
        let (app, first, _) = with_named(db);
        let second = new_key(&app, "?grace=1h");
        app.clock.advance(HOUR / 2);
        let third = new_key(&app, "");
        assert!(!app.is_good(&first) && !app.is_good(&second));
        assert!(app.is_good(&third));
        assert_eq!(app.explain(&first)["at"], "2025-06-15T15:36:40.123456Z");
    }

    fn a_second_grace_never_lengthens_the_first(db) {
        let (app, first, _) = with_named(db);
        let second = new_key(&app, "?grace=1h");
        new_key(&app, "?grace=5h");
        assert_eq!(app.introspect(&first)["exp"], END);
        assert_eq!(app.introspect(&second)["exp"], END + 4 * 3600);
        new_key(&app, "?grace=30m");
        assert_eq!(app.introspect(&first)["exp"], END - 1800, "the second grace may shorten the first");
    }

    fn a_grace_never_extends_the_expiry_of_a_token(db) {
        let app = App::with(db, &[("JETON_TOKEN_TTL", "1h")]);
        let old = app.alice();
        new_key(&app, "?grace=5h");
        assert_eq!(app.introspect(&old)["exp"], END);
        app.clock.advance(HOUR);
        assert!(!app.is_good(&old));
        assert_eq!(app.explain(&old)["reason"], "expired");
        app.clock.advance(HOUR * 4);
        assert_eq!(app.explain(&old)["reason"], "expired", "the expiry is still the reason after the grace");
    }

    fn without_grace_the_old_token_is_revoked_at_once(db) {
        for query in ["?grace=0", "?grace=0s", "?grace="] {
            let (app, old, _) = with_named(db);
            new_key(&app, query);
            assert!(!app.is_good(&old), "{query}");
        }
    }

    fn an_invalid_grace_or_boolean_is_refused_and_changes_nothing(db) {
        let (app, old, named) = with_named(db);
        for (query, fields) in [
            ("?grace=soon", vec!["grace"]), ("?grace=-1h", vec!["grace"]), ("?grace=60", vec!["grace"]),
            ("?grace=1h30m", vec!["grace"]), ("?grace=36501d", vec!["grace"]), ("?all=maybe", vec!["all"]),
            ("?grace=soon&all=2", vec!["grace", "all"]),
        ] {
            let answer = regenerate(&app, query);
            let faults: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
            assert_eq!((answer.status, faults), (400, fields.iter().map(ToString::to_string).collect()), "{query}");
        }
        assert!(app.is_good(&old) && app.is_good(&named));
        assert_eq!(app.tokens_of("alice").len(), 2);
    }

    fn of_twenty_simultaneous_regenerations_one_key_stays_valid(db) {
        let (app, old, _) = with_named(db);
        let admin = app.admin_token();
        let keys: Vec<String> = std::thread::scope(|scope| {
            let path = "/admin/users/alice/regenerate";
            let all: Vec<_> = (0..20).map(|_| scope.spawn(|| app.post(path, &admin, &json!({})))).collect();
            all.into_iter().map(|one| one.join().unwrap().json()["token"].as_str().unwrap().to_owned()).collect()
        });
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 20);
        assert!(!app.is_good(&old));
        let living: Vec<_> = keys.iter().filter(|key| app.is_good(key)).collect();
        assert_eq!(living, [&app.login(ALICE.0, ALICE.1)]);
    }
}
