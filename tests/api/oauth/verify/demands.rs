//! `?scope=` and `?group=`: what a gateway requires of a valid token.

use serde_json::json;

use super::{IDENTITY, PASSWORD, assert_refused, named, verify};
use crate::on_both;
use crate::support::app::App;
use crate::support::http::Request;

fn status(app: &App, query: &str, key: &str) -> u16 {
    let answer = verify(app, &format!("/auth/verify?{query}"), key);
    if answer.status == 403 {
        let detail = json!({"detail": "You do not have permission to perform this action."});
        assert_eq!(answer.text(), detail.to_string());
        assert_eq!(answer.headers_named("Cache-Control"), ["no-store"]);
        for name in IDENTITY {
            assert_eq!(answer.header(name), None, "{name} in {answer:?}");
        }
    }
    answer.status
}

on_both! {
    fn a_token_must_have_all_required_scopes(db) {
        let app = App::start(db);
        let key = named(&app, &app.admin_token(), "reports:read a+b");
        for (query, expected) in [
            ("scope=reports:read", 200),
            ("scope=reports%3Aread", 200),
            ("scope=reports:write", 403),
            ("scope=reports", 403),
            ("scope=reports:rea", 403),
            ("scope=Reports:Read", 403),
            ("scope=a%2Bb", 200),
            ("scope=a%2Bb&scope=reports:read", 200),
            ("scope=reports:read&scope=reports:write", 403),
            ("scope=reports:write&scope=reports:read", 403),
            // One parameter may have several scopes with blanks between them, as in OAuth.
            ("scope=reports:read%20a%2Bb", 200),
            ("scope=reports:read+reports:write", 403),
            ("other=1&page=2", 200),
            // An unset variable of a gateway leaves an empty parameter, which requires a scope that no token has.
            ("scope=", 403),
            ("scope=%20", 403),
            ("scope", 403),
            ("scope=reports:read&scope=", 403),
        ] {
            assert_eq!(status(&app, query, &key), expected, "{query}");
        }
    }

    fn a_user_must_have_all_required_groups(db) {
        let app = App::start(db);
        app.create_user("alice", PASSWORD, &json!({"groups": ["billing", "night shift", "é"]}));
        let key = app.login("alice", PASSWORD);
        for (query, expected) in [
            ("group=billing", 200),
            ("group=Billing", 403),
            ("group=bill", 403),
            ("group=night%20shift", 200),
            ("group=night+shift", 200),
            ("group=night", 403),
            ("group=%C3%A9", 200),
            ("group=billing&group=%C3%A9", 200),
            ("group=billing&group=ops", 403),
            ("group=ops&group=billing", 403),
            ("group=billing,ops", 403),
        ] {
            assert_eq!(status(&app, query, &key), expected, "{query}");
        }
    }

    fn scopes_and_groups_can_be_required_together(db) {
        let app = App::start(db);
        app.create_user("alice", PASSWORD, &json!({"groups": ["billing"]}));
        let key = named(&app, &app.login("alice", PASSWORD), "reports:read");
        assert_eq!(status(&app, "scope=reports:read&group=billing", &key), 200);
        assert_eq!(status(&app, "scope=reports:read&group=ops", &key), 403);
        assert_eq!(status(&app, "scope=reports:write&group=billing", &key), 403);
        assert_eq!(verify(&app, "/auth/verify/below?scope=reports:write", &key).status, 403);
    }

    fn a_login_token_has_the_scopes_of_the_setting_and_no_others(db) {
        let app = App::start(db);
        let key = app.admin_token();
        assert_eq!(status(&app, "scope=reports:read", &key), 403);
        assert_eq!(verify(&app, "/auth/verify", &key).headers_named("X-Auth-Scope"), [""]);

        let app = App::with(db, &[("JETON_LOGIN_SCOPE", "reports:read")]);
        let key = app.admin_token();
        assert_eq!(status(&app, "scope=reports:read", &key), 200);
        assert_eq!(status(&app, "scope=reports:write", &key), 403);
        assert_eq!(verify(&app, "/auth/verify", &key).headers_named("X-Auth-Scope"), ["reports:read"]);
    }

    fn without_a_valid_token_the_answer_is_401_whatever_the_query_requires(db) {
        let app = App::start(db);
        let answer = app.send(Request::new("GET", "/auth/verify?scope=reports:read&group=ops"));
        assert_refused(&answer, "Authentication credentials were not provided.");
    }
}
