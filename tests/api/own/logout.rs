//! `/logout/` and `/logoutall/`, as Knox has them.

use std::time::Duration;

use serde_json::json;

use crate::on_both;
use crate::support::app::App;
use crate::support::calls::ALICE;
use crate::support::http::{Answer, Request};

const MULTIPLE: &[(&str, &str)] = &[("JETON_TOKEN_MODE", "multiple")];

#[track_caller]
fn assert_done(answer: &Answer) {
    assert_eq!((answer.status, answer.body.len()), (204, 0), "{answer:?}");
    assert_eq!(answer.header("Content-Type"), None);
}

fn logout(app: &App, path: &str, key: &str) -> Answer {
    app.send(Request::new("POST", path).token(key))
}

on_both! {
    fn logout_revokes_only_this_token(db) {
        let app = App::with(db, MULTIPLE);
        let (one, two) = (app.alice(), app.login(ALICE.0, ALICE.1));
        assert_ne!(one, two);
        assert_done(&logout(&app, "/logout/", &one));
        assert!(!app.is_good(&one));
        assert!(app.is_good(&two));
        let answer = logout(&app, "/logout/", &one);
        assert_eq!((answer.status, answer.json()), (401, json!({"detail": "Invalid token."})));
    }

    fn after_a_logout_in_single_mode_the_next_login_gets_a_new_key(db) {
        let app = App::start(db);
        let old = app.alice();
        assert_done(&logout(&app, "/logout", &old));
        let new = app.login(ALICE.0, ALICE.1);
        assert_ne!(new, old);
        assert!(app.is_good(&new) && !app.is_good(&old));
    }

    fn a_named_token_logs_itself_out(db) {
        let app = App::start(db);
        let login = app.alice();
        let named = app.name_token(&login, &json!({"name": "n"}))["token"].as_str().unwrap().to_owned();
        assert_done(&logout(&app, "/logout/", &named));
        assert!(!app.is_good(&named));
        assert!(app.is_good(&login));
    }

    fn logoutall_ends_all_login_tokens_and_leaves_named_ones(db) {
        let app = App::with(db, MULTIPLE);
        let logins = [app.alice(), app.login(ALICE.0, ALICE.1), app.login(ALICE.0, ALICE.1)];
        let named = app.name_token(&logins[0], &json!({"name": "n"}))["token"].as_str().unwrap().to_owned();
        let admin = app.admin_token();
        assert_done(&logout(&app, "/logoutall/", &logins[1]));
        assert!(logins.iter().all(|key| !app.is_good(key)));
        assert!(app.is_good(&named) && app.is_good(&admin), "named tokens and other users' tokens stay valid");
        let entry = &app.list("/admin/audit/?action=token.revoke&actor=alice")[0];
        assert_eq!((&entry["target"], &entry["details"]), (&json!("alice"), &json!({"login_tokens": 3})));
    }

    fn a_named_token_may_revoke_all_login_tokens_and_stays_valid(db) {
        let app = App::start(db);
        let login = app.alice();
        let named = app.name_token(&login, &json!({"name": "n"}))["token"].as_str().unwrap().to_owned();
        assert_done(&logout(&app, "/logoutall", &named));
        assert!(!app.is_good(&login));
        assert!(app.is_good(&named));
        assert_ne!(app.login(ALICE.0, ALICE.1), login);
    }

    fn logoutall_also_revokes_tokens_in_their_grace_period(db) {
        let app = App::start(db);
        let old = app.alice();
        app.post("/admin/users/alice/regenerate?grace=1h", &app.admin_token(), &json!({}));
        app.clock.advance(Duration::from_mins(1));
        assert!(app.is_good(&old));
        assert_done(&logout(&app, "/logoutall/", &old));
        assert!(!app.is_good(&old));
        assert_eq!(app.explain(&old)["by"], "alice", "alice has revoked the token");
    }

    fn a_body_is_ignored_but_a_body_that_is_too_large_is_refused(db) {
        let app = App::with(db, MULTIPLE);
        let (one, two) = (app.alice(), app.login(ALICE.0, ALICE.1));
        for (path, key) in [("/logout/", &one), ("/logoutall/", &two)] {
            let sent = |size: usize| app.send(Request::new("POST", path).token(key).raw_body(vec![b'{'; size]));
            let answer = sent(65_537);
            assert_eq!((answer.status, answer.json()), (413, json!({"detail": "The request body is too large."})));
            assert!(app.is_good(key));
            assert_done(&sent(65_536));
            assert!(!app.is_good(key));
        }
    }

    fn only_a_holder_can_log_out_and_only_by_post(db) {
        let app = App::start(db);
        let key = app.alice();
        for path in ["/logout/", "/logoutall/"] {
            let answer = app.send(Request::new("POST", path));
            let none = json!({"detail": "Authentication credentials were not provided."});
            assert_eq!((answer.status, answer.json()), (401, none));
            assert_eq!(answer.header("WWW-Authenticate").as_deref(), Some("Token"));
            let answer = app.get(path, &key);
            assert_eq!((answer.status, answer.header("Allow").as_deref()), (405, Some("POST, OPTIONS")));
        }
        assert!(app.is_good(&key));
    }
}
