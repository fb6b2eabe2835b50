//! Who may do what in the console: the same rules as in the admin API.

use serde_json::json;

use super::{ALICE, STAFF, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App, CLIENT};
use crate::support::console::Visit;

const SENTENCE: &str = "You do not have permission to perform this action.";

on_both! {
    fn clients_are_for_superusers(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, STAFF);
        assert!(!visit.page("/console/").contains("Clients</a>"), "staff see no link to a page that they may not see");
        for path in ["/console/clients", "/console/clients/new", "/console/clients/@demo/delete"] {
            let answer = visit.get(path);
            assert_eq!(answer.status, 403, "{path}");
            assert!(answer.text().contains(SENTENCE) && !answer.text().contains(CLIENT.0), "{path}: {answer:?}");
            assert!(answer.text().contains(">Users</a>"), "{path}: the navigation stays");
        }
        let forms: [(&str, &[(&str, &str)]); 3] = [
            ("/console/clients/new", &[("client_id", "mine")]),
            ("/console/clients/@demo/rotate", &[]),
            ("/console/clients/@demo/delete", &[]),
        ];
        visit.page("/console/users");
        for (path, fields) in forms {
            assert_eq!(visit.post(path, fields).status, 403, "{path}");
        }
        assert_eq!(app.database.sql("select client_id from clients"), "demo");
        app.introspect("x"); // with the unchanged secret
        assert!(Visit::by(&app, ADMIN).page("/console/").contains("Clients</a>"));
    }

    fn staff_see_staff_and_superusers_and_cannot_change_them(db) {
        let app = with_people(App::start(db));
        app.create_user("sten", ALICE.1, &json!({"is_staff": true}));
        let key = app.login("sten", ALICE.1);
        let id = app.tokens_of("sten")[0]["id"].to_string();
        let mut visit = Visit::by(&app, STAFF);
        for name in ["sten", STAFF.0, ADMIN.0] {
            let page = visit.page(&format!("/console/users/@{name}"));
            for button in ["Save", "Revoke", "Regenerate", "Deactivate", "Delete", "Set password", "New token"] {
                assert!(!page.contains(&format!(">{button}</button>")), "{name}: {button}");
            }
            assert!(page.contains("Only a superuser may change staff, superusers and their tokens."));
            let account = visit.page(&format!("/console/users/@{name}/account"));
            assert!(!account.contains(">Save</button>") && account.contains("Only a superuser may change"), "{account}");
            visit.page("/console/users");
            let forms: [(&str, &[(&str, &str)]); 6] = [
                ("", &[("username", name), ("first_name", "x")]),
                ("/active", &[("is_active", "false")]),
                ("/password", &[("password", "another lantern in a fog")]),
                ("/delete", &[]),
                ("/regenerate", &[]),
                ("/tokens", &[("name", "n")]),
            ];
            for (path, fields) in forms {
                let answer = visit.post(&format!("/console/users/@{name}{path}"), fields);
                assert_eq!(answer.status, 403, "{name}{path}: {answer:?}");
            }
            assert_eq!(visit.get(&format!("/console/users/@{name}/delete")).status, 403);
        }
        assert_eq!(visit.post(&format!("/console/users/@alice/tokens/{id}/revoke"), &[]).status, 403, "a token of another user");
        assert!(app.is_good(&key));
        assert!(visit.is_signed_in());
    }

    fn staff_cannot_make_anybody_staff(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, STAFF);
        assert!(!visit.page("/console/users/new").contains("is_staff"), "staff see no box for flags that they may not grant");
        assert!(!visit.page("/console/users/@alice/account").contains("is_staff"));
        for flag in ["is_staff", "is_superuser"] {
            assert_eq!(visit.post("/console/users/new", &[("username", "new"), (flag, "true")]).status, 403, "{flag}");
            let fields = [("username", "alice"), (flag, "true")];
            assert_eq!(visit.post("/console/users/@alice", &fields).status, 403, "{flag}");
        }
        let flags = "select is_staff, is_superuser from users where username = 'alice'";
        assert!(["f|f", "0|0"].contains(&app.database.sql(flags).as_str()));
        // Staff may change the name of an ordinary user.
        visit.done("/console/users/@alice", &[("username", "alice"), ("first_name", "Alice")]);
        assert_eq!(app.database.sql("select first_name from users where username = 'alice'"), "Alice");
    }

    fn a_visitor_who_has_lost_a_right_is_refused_at_the_next_request(db) {
        let app = with_people(App::start(db));
        app.create_user("rita", ALICE.1, &json!({"is_superuser": true}));
        let mut visit = Visit::by(&app, ("rita", ALICE.1));
        visit.page("/console/clients");
        app.sql("update users set is_superuser = false where username = 'rita'");
        assert_eq!(visit.get("/console/clients").status, 403);
        assert_eq!(visit.post("/console/clients/@demo/rotate", &[]).status, 403);
        assert!(visit.is_signed_in(), "still staff");
    }

    fn the_last_superuser_cannot_be_removed(db) {
        let app = App::start(db);
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/users/@admin");
        let forms: [(&str, &[(&str, &str)]); 3] =
            [("/active", &[("is_active", "false")]), ("/delete", &[]), ("", &[("username", "admin"), ("is_staff", "true")])];
        for (path, fields) in forms {
            let answer = visit.post(&format!("/console/users/@admin{path}"), fields);
            assert_eq!(answer.status, 409, "{path}: {answer:?}");
            assert!(answer.text().contains("The last active superuser cannot be removed."), "{path}");
        }
        assert!(visit.is_signed_in());
    }
}
