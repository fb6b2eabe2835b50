//! A user changes their own password.

use serde_json::json;

use super::{ALICE, NEW, sessions, with_people};
use crate::on_both;
use crate::support::app::App;
use crate::support::console::Visit;

on_both! {
    fn a_new_password_ends_older_login_tokens_and_all_sessions(db) {
        let app = with_people(App::start(db));
        let login = app.login(ALICE.0, ALICE.1);
        let named = app.name_token(&login, &json!({"name": "ci"}))["token"].as_str().unwrap().to_owned();
        let (mut other, mut visit) = (Visit::at_account(&app, ALICE), Visit::at_account(&app, ALICE));
        visit.page("/account/password");
        let page = visit.done("/account/password", &[("old_password", ALICE.1), ("new_password", NEW), ("again", NEW)]);
        assert!(page.contains("The new password is set. Sign in with it."), "{page}");
        assert!(!visit.cookies.iter().any(|(name, _)| name == "jeton_account"), "the cookie is forgotten");
        assert!(!other.is_at_home() && !visit.is_at_home());
        assert_eq!(sessions(&app), "0");
        assert!(!app.is_good(&login) && app.is_good(&named));
        assert_eq!(app.tokens_of("alice").len(), 1, "no login token is made that nobody asked for");
        assert_eq!(app.try_login(ALICE.0, ALICE.1).status, 400);
        Visit::at_account(&app, (ALICE.0, NEW));
        let entry = &app.list("/admin/audit/?action=user.password")[0];
        assert_eq!((&entry["actor"], &entry["target"], &entry["details"]), (&json!("alice"), &json!("alice"), &json!({"via": "account"})));
    }

    fn faults_are_beside_their_fields_and_change_nothing(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::at_account(&app, ALICE);
        let page = visit.page("/account/password");
        assert!(page.contains("At least 8 characters"), "the rules are shown: {page}");
        for (old, new, again, note, fault) in [
            (ALICE.1, NEW, "other", "again-note", "The two password fields didn’t match."),
            (ALICE.1, "12345", "12345", "new_password-note", "This password is entirely numeric."),
            (ALICE.1, "alice2000", "alice2000", "new_password-note", "The password is too similar to the username."),
            ("wrong", NEW, NEW, "old_password-note", "Your old password was entered incorrectly."),
        ] {
            let answer = visit.post("/account/password", &[("old_password", old), ("new_password", new), ("again", again)]);
            assert_eq!(answer.status, 400, "{answer:?}");
            let text = answer.text();
            let (_, beside) = text.split_once(&format!("id=\"{note}\">")).unwrap_or_else(|| panic!("{note}: {text}"));
            assert!(beside.split("</p>").next().unwrap().contains(fault), "{fault}: {text}");
            for password in [ALICE.1, NEW] {
                assert!(!text.contains(password), "no password is sent back");
            }
        }
        assert!(visit.is_at_home());
        app.login(ALICE.0, ALICE.1);
    }
}
