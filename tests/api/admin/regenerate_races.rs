//! `POST /admin/users/{username}/regenerate`, several requests at the same moment.

use std::thread;

use serde_json::json;

use crate::on_both;
use crate::support::app::App;
use crate::support::calls::PASSWORD;
use crate::support::http::Request;

/// The new keys of two requests at the same moment.
fn regenerate_twice(app: &App, username: &str, admin: &str) -> [String; 2] {
    let path = format!("/admin/users/{username}/regenerate");
    let regenerate = || {
        let answer = app.send(Request::new("POST", &path).token(admin));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["token"].as_str().unwrap().to_owned()
    };
    thread::scope(|scope| {
        let other = scope.spawn(regenerate);
        [regenerate(), other.join().unwrap()]
    })
}

on_both! {
    fn of_two_simultaneous_regenerations_the_last_key_stays_valid(db) {
        let app = App::start(db);
        app.create_user("alice", PASSWORD, &json!({}));
        let admin = app.admin_token();
        let mut before = app.login("alice", PASSWORD);
        for round in 0..20 {
            let [one, two] = regenerate_twice(&app, "alice", &admin);
            assert_ne!(one, two);
            let live = app.login("alice", PASSWORD);
            assert!(live == one || live == two, "round {round}: a login's key is neither of the two");
            for key in [&before, &one, &two] {
                assert_eq!(app.is_good(key), *key == live);
            }
            before = live;
        }
        let live = "select count(*) from tokens t join users u on u.id = t.user_id where username = 'alice' and revoked_at is null";
        assert_eq!(app.database.sql(live), "1");
    }

    fn of_two_simultaneous_first_keys_one_stays_valid_in_either_mode(db) {
        for mode in ["single", "multiple"] {
            let app = App::with(db, &[("JETON_TOKEN_MODE", mode)]);
            let admin = app.admin_token();
            for round in 0..20 {
                // The user has no token yet, so there is no row whose lock orders the two requests.
                let name = format!("user{round}");
                app.create_user(&name, PASSWORD, &json!({}));
                let keys = regenerate_twice(&app, &name, &admin);
                let live = keys.iter().filter(|key| app.introspect(key)["active"] == true).count();
                assert_eq!(live, 1, "{mode}, round {round}");
            }
        }
    }

    fn no_login_that_begins_after_a_regenerate_gets_a_revoked_key(db) {
        let app = App::with(db, &[("JETON_LOGIN_THREADS", "4")]);
        app.create_user("alice", PASSWORD, &json!({}));
        let admin = app.admin_token();
        for _ in 0..8 {
            let old = app.login("alice", PASSWORD);
            let new = thread::scope(|scope| {
                let racing: Vec<_> = (0..4).map(|_| scope.spawn(|| app.login("alice", PASSWORD))).collect();
                let answer = app.send(Request::new("POST", "/admin/users/alice/regenerate").token(&admin));
                assert_eq!(answer.status, 200, "{answer:?}");
                // From here on every login returns the new key.
                let new = app.login("alice", PASSWORD);
                assert!(answer.text().contains(&new));
                for login in racing {
                    let key = login.join().unwrap();
                    assert!(key == old || key == new, "a login made a third key");
                }
                new
            });
            assert!(!app.is_good(&old));
            assert!(app.is_good(&new));
        }
    }
}
