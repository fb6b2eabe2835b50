//! The tokens on a user's page.

use std::time::Duration;

use serde_json::json;

use super::{ALICE, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::console::{Visit, secret};

on_both! {
    fn tokens_are_listed_with_kind_name_scope_and_times(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        assert!(visit.page("/console/users/@alice").contains("No live token."));
        let key = app.login(ALICE.0, ALICE.1);
        app.name_token(&key, &json!({"name": "nightly", "scope": "a:b c", "expires_in": "90d"}));
        let page = visit.page("/console/users/@alice");
        let id = app.tokens_of("alice")[1]["id"].to_string();
        for words in [
            format!("<a href=\"/console/users/@alice/tokens/{id}\">{id}</a>"),
            ">Login token</span>".to_owned(),
            ">nightly</th>".to_owned(),
            format!("<code>{}…</code>", &key[..4]),
            "<td data-label=\"Scope\">a:b c</td>".to_owned(),
            "<td data-label=\"Created\"><time datetime=\"2025-06-15T15:06:40.123456Z\" data-day>2025-06-15</time></td>".to_owned(),
            "<td data-label=\"Expires\"><time datetime=\"2025-09-13T15:06:40.123456Z\">2025-09-13 15:06 UTC</time></td>".to_owned(),
        ] {
            assert!(page.contains(&words), "{words} in {page}");
        }
        assert!(!page.contains(&key));
    }

    fn the_key_of_a_named_token_is_shown_once(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@alice");
        let answer = visit.post("/console/users/@alice/tokens", &[("name", "ci"), ("scope", "a"), ("expires_in", "90d")]);
        assert_eq!((answer.status, answer.headers_named("Cache-Control")), (200, vec!["no-store".into()]));
        let key = secret(&answer.text());
        let introspection = app.introspect(&key);
        assert_eq!((&introspection["username"], &introspection["scope"]), (&json!("alice"), &json!("a")));
        assert!(!visit.page("/console/users/@alice").contains(&key), "the key is not shown again");
        let bad = visit.post("/console/users/@alice/tokens", &[("name", ""), ("scope", "\"")]);
        assert_eq!(bad.status, 400);
        assert!(bad.text().contains("This field may not be blank.") && bad.text().contains("id=\"scope-note\"><strong"), "{bad:?}");
        let bad = visit.post("/console/users/@alice/tokens", &[("name", "n"), ("expires_in", "soon")]);
        assert!(bad.text().contains("Enter whole seconds, or a duration such as 12h or 90d."), "{bad:?}");
        assert!(bad.text().contains("value=\"soon\""), "the form still has the typed value");
        for long in ["99999d", "99999999999999999999d", "9999999999"] {
            let bad = visit.post("/console/users/@alice/tokens", &[("name", "n"), ("expires_in", long)]);
            assert!(bad.status == 400 && bad.text().contains("Enter at most 36500d, which is a hundred years."), "{long}: {bad:?}");
        }
        assert_eq!(app.tokens_of("alice").len(), 1);
    }

    fn regenerate_shows_a_new_key_and_ends_the_old_ones(db) {
        let app = with_people(App::start(db));
        let old = app.login(ALICE.0, ALICE.1);
        let named = app.name_token(&old, &json!({"name": "n"}))["token"].as_str().unwrap().to_owned();
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@alice");
        let first = secret(&visit.post("/console/users/@alice/regenerate", &[("grace", "")]).text());
        assert!(!app.is_good(&old) && app.is_good(&first) && app.is_good(&named));
        assert_eq!(app.login(ALICE.0, ALICE.1), first);
        let second = secret(&visit.post("/console/users/@alice/regenerate", &[("grace", "1h")]).text());
        assert!(app.is_good(&first) && app.is_good(&second));
        app.clock.advance(Duration::from_hours(1));
        assert!(!app.is_good(&first));
        visit.sign_in(ADMIN.0, ADMIN.1);
        visit.page("/console/users/@alice");
        let third = secret(&visit.post("/console/users/@alice/regenerate", &[("all", "true")]).text());
        assert!(app.is_good(&third) && !app.is_good(&named) && !app.is_good(&second));
        assert_eq!(app.list("/admin/audit/?action=token.regenerate")[0]["actor"], "admin");
    }

    fn a_page_does_not_revoke_a_token_of_another_user(db) {
        let app = with_people(App::start(db));
        let key = app.login(ALICE.0, ALICE.1);
        let id = app.tokens_of("alice")[0]["id"].to_string();
        app.create_user("bob", ALICE.1, &json!({}));
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@bob");
        assert_eq!(visit.post(&format!("/console/users/@bob/tokens/{id}/revoke"), &[]).status, 404);
        assert!(app.is_good(&key));
    }

    fn a_token_is_revoked_once(db) {
        let app = with_people(App::start(db));
        let key = app.login(ALICE.0, ALICE.1);
        let id = app.tokens_of("alice")[0]["id"].to_string();
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@alice");
        let of_another = format!("/console/users/@stella/tokens/{id}/revoke");
        assert_eq!(visit.post(&of_another, &[]).status, 404, "a page revokes only tokens of its user");
        assert!(app.is_good(&key));
        let page = visit.done(&format!("/console/users/@alice/tokens/{id}/revoke"), &[]);
        assert!(page.contains("The token is revoked.") && page.contains("No live token."), "{page}");
        assert!(!app.is_good(&key));
        assert_eq!(visit.post(&format!("/console/users/@alice/tokens/{id}/revoke"), &[]).status, 404, "once");
    }
}
