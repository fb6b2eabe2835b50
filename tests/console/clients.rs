//! The console's pages of clients.

use std::time::Duration;

use crate::on_both;
use crate::support::app::{ADMIN, App, CLIENT};
use crate::support::console::{Visit, secret};
use crate::support::http::Request;

fn status(app: &App, client: &str, secret: &str) -> u16 {
    app.send(Request::new("POST", "/introspect").basic(client, secret).form(&[("token", "x")])).status
}

on_both! {
    fn the_secret_of_a_new_client_is_shown_once(db) {
        let app = App::start(db);
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/clients/new");
        let answer = visit.post("/console/clients/new", &[("client_id", "billing/api")]);
        assert_eq!((answer.status, answer.headers_named("Cache-Control")), (200, vec!["no-store".into()]));
        let shown = secret(&answer.text());
        assert_eq!(status(&app, "billing/api", &shown), 200);
        let list = visit.page("/console/clients");
        assert!(list.contains(">billing/api</a>") && !list.contains(&shown), "{list}");
        for (taken, words) in [
            ("billing/api", "A client with that client id already exists."),
            ("", "This field may not be blank."),
            ("a:b", "Enter a valid client id: visible ASCII characters other than a colon."),
        ] {
            let answer = visit.post("/console/clients/new", &[("client_id", taken)]);
            assert_eq!(answer.status, 400, "{taken}");
            assert!(answer.text().contains(words), "{answer:?}");
        }
    }

    fn note_and_owner_are_shown_and_changed(db) {
        let app = App::start(db);
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/clients/new");
        let fields = [("client_id", "billing"), ("note", "<b>Invoices</b>"), ("owner", "Team B")];
        assert_eq!(visit.post("/console/clients/new", &fields).status, 200);
        let list = visit.page("/console/clients");
        assert!(list.contains("&#60;b&#62;Invoices") && list.contains("Team B"), "{list}");
        let page = visit.page("/console/clients/@billing");
        assert!(page.contains("value=\"Team B\""), "{page}");
        let long = "n".repeat(501);
        let answer = visit.post("/console/clients/@billing", &[("note", &long), ("owner", "")]);
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains("Ensure this field has no more than 500 characters."), "{answer:?}");
        assert_eq!(visit.post("/console/clients/@billing", &[("note", "Bills"), ("owner", "Žofie")]).status, 303);
        let list = visit.page("/console/clients");
        assert!(list.contains("billing was changed.") && list.contains("Bills") && list.contains("Žofie"), "{list}");
        assert_eq!(visit.get("/console/clients/@nobody").status, 404);
    }

    fn rotate_gives_a_new_secret_and_kills_the_old_one(db) {
        let app = App::start(db);
        let mut visit = Visit::by(&app, ADMIN);
        visit.page("/console/clients");
        let shown = secret(&visit.post("/console/clients/@demo/rotate", &[]).text());
        assert_eq!((status(&app, CLIENT.0, CLIENT.1), status(&app, CLIENT.0, &shown)), (401, 200));
        assert_eq!(app.list("/admin/audit/?action=client.rotate")[0]["actor"], "admin");
    }

    fn rotate_asks_first_and_can_give_the_old_secret_a_grace(db) {
        let app = App::start(db);
        let mut visit = Visit::by(&app, ADMIN);
        assert!(visit.page("/console/clients").contains("action=\"/console/clients/@demo/rotate\""));
        let page = visit.page("/console/clients/@demo/rotate");
        assert!(page.contains("Rotate the secret of demo?") && page.contains("<option value=\"1h\">"), "{page}");
        assert_eq!(status(&app, CLIENT.0, CLIENT.1), 200, "the question alone changes nothing");
        assert_eq!(visit.post("/console/clients/@demo/rotate", &[("grace", "soon")]).status, 400);
        visit.page("/console/clients/@demo/rotate");
        let answer = visit.post("/console/clients/@demo/rotate", &[("grace", "15m")]).text();
        assert!(answer.contains("the old one stays valid until 2025-06-15 15:21 UTC."), "{answer}");
        let shown = secret(&answer);
        assert_eq!((status(&app, CLIENT.0, CLIENT.1), status(&app, CLIENT.0, &shown)), (200, 200));
        app.clock.advance(Duration::from_mins(15));
        assert_eq!((status(&app, CLIENT.0, CLIENT.1), status(&app, CLIENT.0, &shown)), (401, 200));
        assert_eq!(visit.get("/console/clients/@nobody/rotate").status, 404);
    }

    fn the_list_says_whether_the_old_secret_is_still_used(db) {
        let app = App::start(db);
        let mut visit = Visit::by(&app, ADMIN);
        assert!(!visit.page("/console/clients").contains("the old secret"));
        visit.page("/console/clients/@demo/rotate");
        visit.post("/console/clients/@demo/rotate", &[("grace", "15m")]);
        let page = visit.page("/console/clients");
        assert!(page.contains("the old secret is valid until") && page.contains("the old secret was not used since"), "{page}");
        let node = app.node(&[]);
        assert_eq!(status(&node, CLIENT.0, CLIENT.1), 200);
        drop(node); // writes what it has noted
        let page = visit.page("/console/clients");
        assert!(page.contains("the old secret is valid until") && page.contains("the old secret was last used <time"), "{page}");
        app.clock.advance(Duration::from_mins(15));
        let page = visit.page("/console/clients");
        assert!(!page.contains("the old secret is valid until") && page.contains("the old secret was last used <time"), "{page}");
    }

    fn a_client_that_does_not_exist_is_404_before_the_question(db) {
        let app = App::start(db);
        let mut visit = Visit::by(&app, ADMIN);
        for id in ["nobody", "%00", "call%20555%20now"] {
            let answer = visit.get(&format!("/console/clients/@{id}/delete"));
            assert!(answer.status == 404 && !answer.text().contains("Delete "), "{answer:?}");
        }
    }

    fn deleting_asks_first(db) {
        let app = App::start(db);
        let mut visit = Visit::by(&app, ADMIN);
        assert!(visit.page("/console/clients/@demo/delete").contains("Delete demo?"));
        assert_eq!(status(&app, CLIENT.0, CLIENT.1), 200, "the question alone changes nothing");
        let page = visit.done("/console/clients/@demo/delete", &[]);
        assert!(page.contains("demo was deleted.") && page.contains("No client is registered."), "{page}");
        assert_eq!(status(&app, CLIENT.0, CLIENT.1), 401);
        assert_eq!(visit.post("/console/clients/@demo/delete", &[]).status, 404);
    }
}
