//! The page of a token, and its end.

use std::time::Duration;

use serde_json::json;

use super::{ALICE, STAFF, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::console::Visit;
use crate::support::eventually;

on_both! {
    fn the_expiry_of_a_token_is_moved(db) {
        let app = with_people(App::start(db));
        let login = app.login(ALICE.0, ALICE.1);
        let created = app.name_token(&login, &json!({"name": "ci", "expires_in": "1h"}));
        let (id, key) = (created["id"].to_string(), created["token"].as_str().unwrap());
        let before = app.introspect(key)["exp"].as_i64().unwrap();
        let mut visit = Visit::by(&app, STAFF);
        let path = format!("/console/users/@alice/tokens/{id}");
        let page = visit.page(&path);
        assert!(page.contains(">accepted</span>") && page.contains(">ci</dd>") && !page.contains("Grace period"), "{page}");
        let page = visit.done(&path, &[("to", "expiry"), ("expires_in", "2h")]);
        assert!(page.contains("The end of the token is moved."), "{page}");
        assert_eq!(app.introspect(key)["exp"].as_i64().unwrap(), before + 3600, "at once, although the old answer was remembered");
        visit.done(&path, &[("to", "never")]);
        assert!(app.introspect(key).get("exp").is_none());
        visit.done(&path, &[("to", "expiry"), ("expires_in", "10m")]);
        app.clock.advance(Duration::from_mins(11));
        assert!(!app.is_good(key));
        assert_eq!(visit.post(&path, &[("to", "never")]).status, 404, "it does not come back");
        let page = visit.page(&path);
        assert!(page.contains(">expired</span>") && page.contains("does not come back"), "{page}");
        let entries = app.list("/admin/audit/?action=token.update");
        assert_eq!(entries.len(), 3);
        assert_eq!((&entries[1]["target"], &entries[1]["actor"]), (&json!("alice"), &json!("stella")));
        assert_eq!(entries[1]["details"], json!({"token": created["id"], "expires_at": null}));
    }

    fn pages_say_by_whom_a_token_was_last_used(db) {
        let app = with_people(App::start(db));
        let login = app.login(ALICE.0, ALICE.1);
        let created = app.name_token(&login, &json!({"name": "ci", "expires_in": "1d"}));
        let (path, key) = (format!("/console/users/@alice/tokens/{}", created["id"]), created["token"].as_str().unwrap());
        let mut visit = Visit::by(&app, STAFF);
        let by = "by <bdi>demo</bdi>";
        let pages = [path.as_str(), "/console/users/@alice", "/console/tokens"];
        assert!(pages.iter().all(|page| !visit.page(page).contains(by)), "the login token's own use may be shown");
        app.introspect(key);
        visit.get("/console/explain");
        let verdict = visit.post("/console/explain", &[("key", key)]).text();
        assert!(verdict.contains(by), "before it is written: {verdict}");
        eventually("the use", Duration::from_secs(10), || visit.page(&path).contains(by).then_some(()));
        for page in pages {
            assert!(visit.page(page).contains(by), "{page}");
        }
    }

    fn a_grace_period_is_extended_and_ended(db) {
        let app = with_people(App::start(db));
        let key = app.login(ALICE.0, ALICE.1);
        let id = app.tokens_of("alice")[0]["id"].to_string();
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@alice");
        visit.post("/console/users/@alice/regenerate", &[("grace", "15m")]);
        let path = format!("/console/users/@alice/tokens/{id}");
        assert!(visit.page(&path).contains("Grace period ends in"));
        assert!(visit.page("/console/users/@alice").contains(">replaced</span>"));
        visit.done(&path, &[("to", "grace"), ("grace", "20m")]);
        app.clock.advance(Duration::from_mins(16));
        assert!(app.is_good(&key));
        visit.done(&path, &[("to", "grace"), ("grace", "1m")]);
        app.clock.advance(Duration::from_mins(2));
        assert!(!app.is_good(&key));
        assert_eq!(visit.post(&path, &[("to", "grace"), ("grace", "1h")]).status, 404, "it does not come back");
    }

    fn a_token_without_a_grace_period_gets_none(db) {
        let app = with_people(App::start(db));
        app.login(ALICE.0, ALICE.1);
        let id = app.tokens_of("alice")[0]["id"].to_string();
        let mut visit = Visit::by(&app, ADMIN);
        let path = format!("/console/users/@alice/tokens/{id}");
        visit.page(&path);
        assert_eq!(visit.post(&path, &[("to", "grace"), ("grace", "1h")]).status, 404);
        for (to, text, status) in [("expiry", "", 400), ("expiry", "soon", 400), ("grace", "-1h", 400), ("", "1h", 400)] {
            let answer = visit.post(&path, &[("to", to), ("expires_in", text), ("grace", text)]);
            assert_eq!(answer.status, status, "{to} {text}");
        }
        assert!(app.list("/admin/audit/?action=token.update").is_empty());
    }

    fn staff_move_no_end_of_a_superusers_token_and_no_path_names_another_user(db) {
        let app = with_people(App::start(db));
        app.admin_token();
        app.login(ALICE.0, ALICE.1);
        let [admin, alice] = ["admin", "alice"].map(|name| app.tokens_of(name)[0]["id"].to_string());
        let mut visit = Visit::by(&app, STAFF);
        let page = visit.page(&format!("/console/users/@admin/tokens/{admin}"));
        assert!(!page.contains("Move the expiry"), "{page}");
        assert_eq!(visit.post(&format!("/console/users/@admin/tokens/{admin}"), &[("to", "never")]).status, 403);
        assert_eq!(visit.post(&format!("/console/users/@alice/tokens/{admin}"), &[("to", "never")]).status, 403);
        assert_eq!(visit.get(&format!("/console/users/@stella/tokens/{alice}")).status, 404);
        assert_eq!(visit.get("/console/users/@alice/tokens/x").status, 404);
        assert!(app.list("/admin/audit/?action=token.update").is_empty());
    }
}
