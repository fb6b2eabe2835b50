//! A user's own tokens: listed, created, revoked.

use std::time::Duration;

use serde_json::json;

use super::{ALICE, STAFF, with_people};
use crate::on_both;
use crate::support::app::App;
use crate::support::console::{Visit, secret};
use crate::support::eventually;
use crate::support::http::Request;

const MINE: [(&str, &str); 2] = [("name", "ci"), ("password", ALICE.1)];

on_both! {
    fn users_see_and_revoke_their_own_tokens_and_nobody_elses(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::at_account(&app, ALICE);
        assert!(visit.page("/account/").contains("You have no live token."));
        let (key, others) = (app.login(ALICE.0, ALICE.1), app.login(STAFF.0, STAFF.1));
        app.name_token(&key, &json!({"name": "nightly", "scope": "a:b c", "expires_in": "90d"}));
        app.name_token(&others, &json!({"name": "of stella"}));
        let page = visit.page("/account/");
        for words in [
            ">Login token</span>".to_owned(),
            ">nightly</th>".to_owned(),
            format!("<code>{}…</code>", &key[..4]),
            "<td data-label=\"Scope\">a:b c</td>".to_owned(),
            "<td data-label=\"Last used\"><span class=\"muted\">never</span></td>".to_owned(),
            "<td data-label=\"Expires\"><time datetime=\"2025-09-13T15:06:40.123456Z\">".to_owned(),
        ] {
            assert!(page.contains(&words), "{words} in {page}");
        }
        assert!(!page.contains(&key) && !page.contains("of stella"));
        assert!(app.is_good(&key));
        eventually("the last use is shown", Duration::from_secs(20), || {
            visit.page("/account/").contains("<td data-label=\"Last used\"><time").then_some(())
        });
        let id = |who: &str, at: usize| app.tokens_of(who)[at]["id"].to_string();
        let named = id(STAFF.0, 1);
        assert_eq!(visit.post(&format!("/account/tokens/{named}/revoke"), &[]).status, 404, "a token of another user");
        assert!(app.is_good(&others));
        let own = id(ALICE.0, 0);
        let page = visit.done(&format!("/account/tokens/{own}/revoke"), &[]);
        assert!(page.contains("The token is revoked.") && !page.contains("Login token"), "{page}");
        assert!(!app.is_good(&key));
        assert_eq!(visit.post(&format!("/account/tokens/{own}/revoke"), &[]).status, 404, "once");
        let entry = &app.list("/admin/audit/?action=token.revoke")[0];
        assert_eq!((&entry["actor"], &entry["target"]), (&json!("alice"), &json!("alice")));
    }

    fn a_named_token_needs_the_password_and_its_key_is_shown_once(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::at_account(&app, ALICE);
        visit.page("/account/");
        for (password, fault) in [("", "Your password was entered incorrectly."), ("wrong", "Your password was entered incorrectly.")] {
            let answer = visit.post("/account/tokens", &[("name", "ci"), ("scope", "a"), ("password", password)]);
            assert_eq!(answer.status, 400, "{answer:?}");
            let text = answer.text();
            assert!(text.contains(fault) && text.contains("value=\"ci\"") && text.contains("value=\"a\" checked"), "{text}");
        }
        let fields = [("name", "ci"), ("scope", "a"), ("scope", "a:b"), ("expires_in", "90d"), ("password", ALICE.1)];
        let answer = visit.post("/account/tokens", &fields);
        assert_eq!((answer.status, answer.headers_named("Cache-Control")), (200, vec!["no-store".into()]), "{answer:?}");
        let key = secret(&answer.text());
        let introspection = app.introspect(&key);
        assert_eq!((&introspection["username"], &introspection["scope"]), (&json!("alice"), &json!("a a:b")));
        assert!(!visit.page("/account/").contains(&key), "the key is not shown again");
        assert_eq!(app.tokens_of("alice").len(), 1);
        let failed = app.list("/admin/audit/?action=login.failed");
        assert_eq!(failed.iter().map(|entry| &entry["details"]["via"]).collect::<Vec<_>>(), ["/account/tokens", "/account/tokens"]);
    }

    fn users_give_only_scopes_that_they_may_give(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::at_account(&app, ALICE);
        let page = visit.page("/account/");
        assert!(page.contains("name=\"scope\" value=\"reports:read\""), "{page}");
        for scope in ["jeton:admin", "d"] {
            let answer = visit.post("/account/tokens", &[("name", "ci"), ("scope", scope), ("password", ALICE.1)]);
            assert_eq!(answer.status, 400);
            assert!(answer.text().contains("is not a valid choice."), "{answer:?}");
        }
        assert_eq!(app.tokens_of("alice").len(), 0);
        let mut staff = Visit::at_account(&app, STAFF);
        assert!(staff.page("/account/").contains("<input id=\"scope\""), "staff may give any");
        let answer = staff.post("/account/tokens", &[("name", "ci"), ("scope", "d jeton:admin"), ("password", STAFF.1)]);
        assert_eq!(app.introspect(&secret(&answer.text()))["scope"], "d jeton:admin");
        let none = with_people(App::with(db, &[("JETON_USER_SCOPES", "")]));
        assert!(!Visit::at_account(&none, ALICE).page("/account/").contains("name=\"scope\""));
    }

    fn a_form_that_makes_a_token_is_accepted_once(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::at_account(&app, ALICE);
        visit.page("/account/");
        let token = visit.form_token.clone();
        let form: Vec<_> = [("form_token", token.as_str())].iter().chain(&MINE).copied().collect();
        let mut statuses: Vec<u16> = std::thread::scope(|scope| {
            let send = || {
                let mut same = Visit::new(&app);
                same.cookies.clone_from(&visit.cookies);
                let request = Request::new("POST", "/account/tokens").form(&form);
                scope.spawn(move || same.send(request).status)
            };
            let sent: Vec<_> = (0..4).map(|_| send()).collect();
            sent.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409, 409, 409]);
        assert_eq!(app.tokens_of("alice").len(), 1);
    }

    fn the_limits_on_own_tokens_hold_here(db) {
        let app = with_people(App::with(db, &[("JETON_NAMED_TOKENS_PER_USER", "1"), ("JETON_NAMED_TOKEN_MAX_TTL", "30d")]));
        let mut visit = Visit::at_account(&app, ALICE);
        assert!(visit.page("/account/").contains("At most 30d."));
        for (expires_in, fault) in [("", "This field is required."), ("31d", "less than or equal to 30d."), ("soon", "Enter whole seconds")] {
            let answer = visit.post("/account/tokens", &[MINE[0], MINE[1], ("expires_in", expires_in)]);
            assert!(answer.status == 400 && answer.text().contains(fault), "{expires_in}: {answer:?}");
        }
        let fields = [MINE[0], MINE[1], ("expires_in", "30d")];
        assert_eq!(visit.post("/account/tokens", &fields).status, 200);
        visit.page("/account/");
        let answer = visit.post("/account/tokens", &fields);
        assert_eq!(answer.status, 403);
        assert!(answer.text().contains("You have as many tokens of your own as you may have."), "{answer:?}");
        app.clock.advance(Duration::from_hours(31 * 24));
        let mut visit = Visit::at_account(&app, ALICE);
        visit.page("/account/");
        assert_eq!(visit.post("/account/tokens", &fields).status, 200, "the first one has expired");
    }

    fn long_lists_have_pages(db) {
        let app = with_people(App::with(db, &[("JETON_NAMED_TOKENS_PER_USER", "none")]));
        let admin = app.admin_token();
        for number in 0..26 {
            app.post("/admin/users/alice/tokens/", &admin, &json!({"name": format!("t{number}")}));
        }
        let mut visit = Visit::at_account(&app, ALICE);
        let page = visit.page("/account/");
        assert!(page.contains("/account/?page=2") && !page.contains(">t25</th>"), "{page}");
        assert!(visit.page("/account/?page=2").contains(">t25</th>"));
        // After a refused form the links still lead to the page.
        let refused = visit.post("/account/tokens", &[("name", "")]);
        assert!(refused.text().contains("/account/?page=2"), "{refused:?}");
    }
}
